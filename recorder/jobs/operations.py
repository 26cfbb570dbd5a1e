"""Cancel or retry an operation of any type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from recorder.actor import Actor
from recorder.jobs.converting import prepare_removal
from recorder.jobs.encoding import prepare_release, retry_encoding
from recorder.jobs.operation_rows import hold_unwritten, mark_cancelled, restart_revising
from recorder.jobs.operation_types import spec_of
from recorder.jobs.pushing import restart_push
from recorder.jobs.reencoding import prepare_forgetting
from recorder.models import Operation
from recorder.models.permissions import require
from recorder.models.states import CHANGES, NEW_FROM_FOLDER, RESHAPES, TRANSFERS, OperationType


def _nothing_to_release(_: Operation, __: Actor) -> Callable[[], None]:
    return lambda: None


@dataclass(frozen=True, slots=True)
class _TypeFunctions:
    """The functions that differ by type.

    `prepare_release` reads what a cancelled operation releases, and returns the function that releases it inside the
    transaction that cancels it. `retry` starts a failed operation again, or a new one for its failed part.
    """

    prepare_release: Callable[[Operation, Actor], Callable[[], None]]
    retry: Callable[[Operation, Actor], Operation]


_REVISING_FUNCTIONS = _TypeFunctions(_nothing_to_release, restart_revising)
_FUNCTIONS = {
    OperationType.ENCODE: _TypeFunctions(prepare_release, retry_encoding),
    OperationType.EDIT: _REVISING_FUNCTIONS,
    OperationType.REVERT: _REVISING_FUNCTIONS,
    OperationType.PUSH: _TypeFunctions(_nothing_to_release, restart_push),
    **dict.fromkeys(NEW_FROM_FOLDER, _TypeFunctions(prepare_removal, restart_revising)),
    **dict.fromkeys((*TRANSFERS, *CHANGES, OperationType.UNDO), _REVISING_FUNCTIONS),
    **dict.fromkeys((OperationType.REPAIR, OperationType.OLDER), _REVISING_FUNCTIONS),
    **dict.fromkeys(RESHAPES, _TypeFunctions(prepare_forgetting, restart_revising)),
    OperationType.IMPORT: _REVISING_FUNCTIONS,
}

if missing := set(OperationType) - _FUNCTIONS.keys():
    raise TypeError(f"_FUNCTIONS lacks {missing}")


def cancel_operation(*, operation: Operation, actor: Actor) -> Operation:
    """Cancel the operation before it is written. The dataset is unchanged, and the same can be requested again.

    Episodes that were to be encoded become takes again and keep their verdicts; finished encodes are reused by the next
    batch. Pending changes stay pending. A conversion is stopped, and its row and the new dataset's are deleted.

    Raise Refused if a worker is writing it, if a crashed worker had finished writing it, or if it has ended.
    """
    require(actor, spec_of(operation).action, operation)
    release = _functions_of(operation).prepare_release(operation, actor)
    with hold_unwritten(operation), transaction.atomic():
        mark_cancelled(operation, actor.name)
        release()
    return operation


def retry_operation(*, operation: Operation, actor: Actor) -> Operation:
    """Retry what failed; finished parts are kept. Return `operation`, or the new operation for the rest.

    Raise Refused if nothing failed, or while another operation runs on the dataset.
    """
    require(actor, spec_of(operation).action, operation)
    return _functions_of(operation).retry(operation, actor)


def _functions_of(operation: Operation) -> _TypeFunctions:
    return _FUNCTIONS[OperationType(operation.type)]
