"""Steps that operations of every type share: start one at a time, check whether it is written, end it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.notify import wake_workers
from recorder.jobs.operation_types import TYPES, spec_of
from recorder.models import Dataset, Operation
from recorder.models.lifecycle import end_operation, restart_operation
from recorder.models.paths import datasets_root, revision_problem, revisions_of, work_of
from recorder.models.permissions import require
from recorder.models.states import STOPPABLE, OperationState, OperationType
from recorder.text import format_time
from robotdata.dataset.errors import DatasetBusy
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.sidecar import read_sidecar
from robotdata.dataset.write.swap import list_revisions, recover_dataset

_LOCK_WAIT_S = 3.0


def begin_revising(*, type: OperationType, dataset: Dataset, actor: Actor, arguments: dict[str, Any]) -> Operation:
    """Start an operation without jobs; a worker runs it next.

    Raise Refused if the dataset's folder cannot be changed, or while another operation runs on it.
    """
    require(actor, TYPES[type].action, dataset)
    if problem := revision_problem(dataset.path):
        raise Refused("place", f"{dataset.title} cannot be changed: {problem}.")
    with _refuse_concurrent(dataset):
        _check_free(dataset)
        return create_running(type=type, dataset=dataset, actor=actor, arguments=arguments)


def create_running(*, type: OperationType, dataset: Dataset, actor: Actor, arguments: dict[str, Any]) -> Operation:
    """Write the row of an operation without jobs that a person starts, and wake a worker, which runs it next."""
    require(actor, TYPES[type].action, dataset)
    operation = Operation.objects.create(
        dataset=dataset,
        type=type,
        arguments=arguments,
        state=OperationState.RUNNING,
        started_by=actor.name,
        reason="by hand",
    )
    wake_workers("run_operation", str(operation.pk))
    return operation


def restart_revising(operation: Operation, actor: Actor) -> Operation:
    """Run a failed operation without jobs again. Raise Refused while another operation runs on its dataset."""
    require(actor, spec_of(operation).action, operation)
    with _refuse_concurrent(operation.dataset):
        _check_free(operation.dataset)
        if not restart_operation(operation, OperationState.RUNNING):
            raise Refused("moved", f"{operation} has changed meanwhile. Reload the page.")
        wake_workers("run_operation", str(operation.pk))
    return operation


@contextmanager
def hold_unwritten(operation: Operation) -> Iterator[None]:
    """Hold the dataset's lock while the operation is not in the dataset and no worker can write it.

    A worker that runs an operation of a type in STOPPABLE holds the lock, and stops when the row is cancelled.
    Raise Refused if a worker is writing it, if a crashed worker had finished writing it, or if it has ended.
    """
    check_cancellable(operation)
    try:
        with ExitStack() as stack:
            if operation.attempt:  # otherwise no worker has tried it yet
                _lock_and_recover(operation, stack)
            if is_written(operation):
                raise Refused(
                    "running", f"{operation} is in the dataset already: revert to an earlier revision instead."
                )
            yield
    except DatasetBusy as error:
        raise Refused("busy", f"{operation} cannot be cancelled now: {error}.", 503) from error


def _lock_and_recover(operation: Operation, stack: ExitStack) -> None:
    """Lock and recover the folders that it writes. Raise DatasetBusy, unless a worker has them that can be stopped.

    `stack` releases the locks.
    """
    roots, stoppable = written_roots(operation), operation.type in STOPPABLE
    try:
        wait_s = 0.0 if stoppable else _LOCK_WAIT_S
        stack.enter_context(dataset_locks([operation.dataset.path, *roots], wait_s=wait_s))
        for root in roots:
            recover_dataset(root, work_of(root), revisions_of(root))
    except DatasetBusy:
        if not stoppable:
            raise


def check_cancellable(operation: Operation) -> None:
    """Raise Refused if the operation is being written or has ended."""
    operation.refresh_from_db()
    if operation.state in {OperationState.DONE, OperationState.CANCELLED}:
        raise Refused(
            "ended",
            f"{operation} is {operation.state} since {format_time(operation.finished_at or operation.updated_at)}.",
        )
    if not operation.can_cancel and operation.state != OperationState.FAILED:
        raise Refused("running", f"{operation} is being written into the dataset and will finish in a moment.")


def mark_cancelled(operation: Operation, by: str) -> None:
    """Mark the operation as cancelled. Raise Refused if a person or a worker changed it first."""
    ended = operation.type == OperationType.PUSH and operation.state == OperationState.FAILED  # nobody is writing
    unwritten = {"result__writing__isnull": True} if operation.type in STOPPABLE and not ended else None
    error = f"Cancelled by {by}." if by else ""
    if not end_operation(operation, OperationState.CANCELLED, error, conditions=unwritten):
        raise Refused("moved", f"{operation} has changed meanwhile. Reload the page.")


def is_written(operation: Operation) -> bool:
    """Return whether the operation is in the present revision or an earlier one.

    Others may have added episodes since the worker crashed.
    """
    return any(is_written_at(root, operation) for root in written_roots(operation))


def is_written_at(root: Path, operation: Operation) -> bool:
    """Return whether the operation is in the present revision of the dataset in `root`, or in an earlier one."""
    revisions = revisions_of(root)
    states = [root, *(revisions / str(number) for number in list_revisions(revisions))]
    return any(operation_of(state) == str(operation.pk) for state in states)


def written_roots(operation: Operation) -> list[Path]:
    """Return the folders of the datasets that the operation writes first: its own, or those that get its episodes."""
    into = operation.arguments.get("into")
    return [datasets_root() / str(part["slug"]) for part in into] if into else [operation.dataset.path]


def operation_of(root: Path) -> str:
    """Return the id of the operation that made the revision in `root`; empty if unknown."""
    return str(read_sidecar(root, []).made_by.get("operation") or "")


def _check_free(dataset: Dataset) -> None:
    """Raise Refused if an operation runs or waits on the dataset."""
    other = Operation.objects.filter(dataset=dataset).changing().order_by("created_at").first()
    if other is not None:
        raise _busy_refusal(dataset, other)


@contextmanager
def _refuse_concurrent(dataset: Dataset) -> Iterator[None]:
    """Raise Refused if another operation was started at the same moment; the database decides which one wins."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise _busy_refusal(dataset, None) from error


def _busy_refusal(dataset: Dataset, other: Operation | None) -> Refused:
    since = f" since {format_time(other.created_at)}" if other else ""
    since += f" by {other.started_by}" if other and other.started_by else ""
    occupied = spec_of(other).occupied if other else "is being changed"
    return Refused("running", f"{dataset.title} {occupied}{since}: try again when that has finished.")
