"""Undo a change of a dataset's time or pictures: revert to the revision before it, while it is the newest."""

from __future__ import annotations

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising, operation_of
from recorder.models import Operation
from recorder.models.permissions import Action, require
from recorder.models.states import RESHAPES, OperationState, OperationType
from robotdata.dataset.sidecar import read_sidecar
from robotdata.dataset.write.swap import list_revisions


def undo_reshape(*, operation: Operation, actor: Actor) -> Operation:
    """Start a revert to the revision that `operation` replaced. Raise Refused if the dataset was changed since."""
    dataset = operation.dataset
    require(actor, Action.REVISE, dataset)
    if operation.type not in RESHAPES or operation.state != OperationState.DONE:
        message = f"{operation} cannot be undone: it has not finished, or is of another kind."
        raise Refused("nothing_to_undo", message)
    now = read_sidecar(dataset.path, []).revision
    if operation_of(dataset.path) != str(operation.pk):
        raise Refused("changed", f"{dataset.title} was changed since: revert it on its page, to the revision you want.")
    if now - 1 not in list_revisions(dataset.revisions_path):
        raise Refused("changed", f"{dataset.title} does not have revision {now - 1} any more, which was before.")
    arguments = {"revision": now - 1, "undoes": str(operation.pk)}
    return begin_revising(type=OperationType.REVERT, dataset=dataset, actor=actor, arguments=arguments)


def can_undo_reshape(operation: Operation) -> bool:
    """Return whether an undo may be offered, as far as the rows say."""
    made = operation.result.get("revision")
    return operation.state == OperationState.DONE and made == operation.dataset.revision
