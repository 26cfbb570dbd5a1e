"""Begin what replaces a dataset's present state: apply what is planned of its episodes, or go back to a revision."""

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
    """How many episodes wait to be deleted, relabelled and trimmed, from one query; one may be in the last two."""
    counts = {name: Count("pk", filter=where) for name, where in PLANNED.items()}
    return dict(dataset.episodes.order_by().aggregate(**counts))


def apply_changes(*, dataset: Dataset, actor: Actor) -> Operation:
    """Begin to make one new state with all that is planned now of the dataset's episodes.

    Raises Refused where nothing is, where nothing would be left, and while the dataset gets another state.
    """
    require(actor, Action.REVISE, dataset)
    counts = planned_counts(dataset)
    if not any(counts.values()):
        words = f"No pending changes in {dataset.title}: reject, relabel or trim episodes first."
        raise Refused("nothing", words)
    if counts["delete"] and counts["delete"] == dataset.episodes.committed().count():
        raise Refused("all", f"All episodes of {dataset.title} would be deleted: keep at least one of them.")
    ids = [str(pk) for pk in dataset.episodes.all().planned().values_list("pk", flat=True)]
    arguments = {"episodes": ids, **{name: counts[verb] for name, verb in EDIT_COUNTS.items()}}
    return begin_revising(type=OperationType.EDIT, dataset=dataset, actor=actor, arguments=arguments)


def go_back(*, dataset: Dataset, revision: int, actor: Actor) -> Operation:
    """Begin to make the state `revision` the present one again; it becomes a new one, and can be gone back from.

    Raises Refused where it is not kept, or present already, and while the dataset gets another state.
    """
    require(actor, Action.REVISE, dataset)
    kept = list_revisions(dataset.revisions_path)
    if revision not in kept:
        there = ", ".join(map(str, kept)) or "none"
        raise Refused(
            "no_revision", f"{dataset.title} has no revision {revision} to revert to; available: {there}.", 404
        )
    return begin_revising(type=OperationType.REVERT, dataset=dataset, actor=actor, arguments={"revision": revision})
