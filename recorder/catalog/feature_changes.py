"""Start and preview a change of a dataset's features, words or statistics."""

from __future__ import annotations

from typing import Any

from recorder.actor import Actor
from recorder.catalog.transfers import checked, open_folder
from recorder.jobs.operation_rows import begin_revising
from recorder.models import Dataset, Operation
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from robotdata.dataset.write.change_preview import ChangePreview, preview_change
from robotdata.dataset.write.feature_change import FeatureChange


def start_change(*, dataset: Dataset, change: FeatureChange, actor: Actor, **more: Any) -> Operation:
    """Start the change as an operation that makes one revision. `more`: further arguments of it, JSON values.

    Raise Refused with the reason if it cannot be made, or while another operation runs on the dataset.
    """
    require(actor, Action.REVISE, dataset)
    preview_of_change(dataset=dataset, change=change)
    arguments = {"change": change.as_json(), **more}
    return begin_revising(type=OperationType.FEATURES, dataset=dataset, actor=actor, arguments=arguments)


def preview_of_change(*, dataset: Dataset, change: FeatureChange) -> ChangePreview:
    """Return what the change would do. Raise Refused with the reason if it cannot be made."""
    opened = open_folder(dataset)
    return checked(lambda: preview_change(opened, change))


def waiting_takes(dataset: Dataset, change: FeatureChange) -> int:
    """Return how many takes, not in the dataset yet, would no longer fit it after the change."""
    if not (change.remove or change.rename or change.add or change.names):
        return 0
    return takes_outside(dataset)


def takes_outside(dataset: Dataset) -> int:
    """Return how many takes are not in the dataset yet; rejected ones never will be."""
    return dataset.episodes.takes().count()
