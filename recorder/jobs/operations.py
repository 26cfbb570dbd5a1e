"""Cancel an operation or try it again, whatever its type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from recorder.actor import Actor
from recorder.jobs.encoding import prepare_release, retry_encoding
from recorder.jobs.operation_rows import mark_cancelled, restart_revising, unwritten
from recorder.jobs.operation_types import spec_of
from recorder.models import Operation
from recorder.models.permissions import require
from recorder.models.states import OperationType


def _nothing_to_release(_: Operation, __: Actor) -> Callable[[], None]:
    return lambda: None


@dataclass(frozen=True, slots=True)
class _Acts:
    """What is done differently by type.

    `prepare_release` reads what a cancelled operation gives back, and returns the function that does it inside the
    transaction that cancels it. `retry` starts a failed operation again, or a new one for what failed of it.
    """

    prepare_release: Callable[[Operation, Actor], Callable[[], None]]
    retry: Callable[[Operation, Actor], Operation]


_REVISING = _Acts(_nothing_to_release, restart_revising)
_ACTS = {
    OperationType.ENCODE: _Acts(prepare_release, retry_encoding),
    OperationType.EDIT: _REVISING,
    OperationType.REVERT: _REVISING,
}

if missing := set(OperationType) - _ACTS.keys():
    raise TypeError(f"_ACTS lacks {missing}")


def cancel_operation(*, operation: Operation, actor: Actor) -> Operation:
    """Stop it before it is written. The dataset is as it was; what was asked can be asked again.

    Episodes that were to be encoded are takes again with their verdicts, and what is encoded already serves the next
    batch. Planned changes stay planned.

    Raises Refused where a worker writes it now, where one that died had finished writing it, or where it has ended.
    """
    require(actor, spec_of(operation).action, operation)
    release = _acts_of(operation).prepare_release(operation, actor)
    with unwritten(operation), transaction.atomic():
        mark_cancelled(operation, actor.name)
        release()
    return operation


def retry_operation(*, operation: Operation, actor: Actor) -> Operation:
    """Try again what failed; what is done stays done. Returns `operation`, or the new one that was begun for the rest.

    Raises Refused where nothing failed, and while another operation runs on the dataset.
    """
    require(actor, spec_of(operation).action, operation)
    return _acts_of(operation).retry(operation, actor)


def _acts_of(operation: Operation) -> _Acts:
    return _ACTS[OperationType(operation.type)]
