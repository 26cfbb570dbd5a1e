"""Start an operation that replaces a dataset's present revision: apply its pending changes, or revert to a revision."""

from __future__ import annotations

from django.db.models import Count

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising
from recorder.jobs.operation_types import EDIT_COUNTS
from recorder.models import Dataset, Operation
from recorder.models.episode import PLANNED
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from robotdata.dataset.write.swap import list_revisions


def planned_counts(dataset: Dataset) -> dict[str, int]:
    """Count the episodes to be deleted, relabelled and trimmed, in one query; one may count in the last two."""
    counts = {name: Count("pk", filter=condition) for name, condition in PLANNED.items()}
    return dict(dataset.episodes.order_by().aggregate(**counts))


def apply_changes(*, dataset: Dataset, actor: Actor) -> Operation:
    """Start an edit that applies all pending changes of the dataset's episodes as one new revision.

    Raise Refused if there are none, if no episode would be left, or while another operation runs on the dataset.
    """
    require(actor, Action.REVISE, dataset)
    counts = planned_counts(dataset)
    if not any(counts.values()):
        message = f"No pending changes in {dataset.title}: reject, relabel or trim episodes first."
        raise Refused("nothing", message)
    if counts["delete"] and counts["delete"] == dataset.episodes.committed().count():
        raise Refused("all", f"All episodes of {dataset.title} would be deleted: keep at least one of them.")
    ids = [str(pk) for pk in dataset.episodes.all().planned().values_list("pk", flat=True)]
    arguments = {"episodes": ids, **{name: counts[verb] for name, verb in EDIT_COUNTS.items()}}
    return begin_revising(type=OperationType.EDIT, dataset=dataset, actor=actor, arguments=arguments)


def start_revert(*, dataset: Dataset, revision: int, actor: Actor, undoes: Operation | None = None) -> Operation:
    """Start a revert to `revision`. It becomes a new revision, which can itself be reverted.

    With `undoes` it fails if the present revision is not the one of that operation any more when its turn comes. Raise
    Refused if the revision is not kept or is the present one, or while another operation runs on the dataset.
    """
    require(actor, Action.REVISE, dataset)
    revisions = list_revisions(dataset.revisions_path)
    if revision not in revisions:
        available = ", ".join(map(str, revisions)) or "none"
        raise Refused(
            "no_revision", f"{dataset.title} has no revision {revision} to revert to; available: {available}.", 404
        )
    arguments = {"revision": revision} | ({"undoes": str(undoes.pk)} if undoes else {})
    return begin_revising(type=OperationType.REVERT, dataset=dataset, actor=actor, arguments=arguments)
