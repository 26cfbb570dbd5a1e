"""Steps that every run of an operation shares: who made the revision, and progress that stops a run without a lease."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from recorder.jobs.leases import Heartbeat, LostLease
from recorder.models import Operation
from recorder.models.states import OperationState

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in total) before each step."""
_SHOWN_STEPS = 1000


def made_by(operation: Operation) -> dict[str, Any]:
    """Return who makes a revision, when, and for which operation, for its sidecar. `is_written` reads the operation."""
    now = timezone.now().isoformat(timespec="seconds")
    return {"by": operation.started_by, "at": now, "operation": str(operation.pk)}


def owned_row(operation: Operation) -> QuerySet[Operation]:
    """Return the operation's row while this worker holds it, else nothing."""
    return Operation.objects.filter(pk=operation.pk, token=operation.token, state=OperationState.RUNNING)


def step_recorder(operation: Operation, heartbeat: Heartbeat) -> Progress:
    """Return a function that records each step in the row. It raises LostLease if the row was cancelled or lost."""
    row = owned_row(operation)

    def progress(done: int, total: int) -> None:
        heartbeat.progress(done)
        if not row.exists():
            raise LostLease
        try:
            row.update(steps_done=done, steps_total=total, updated_at=timezone.now())
        except DatabaseError as error:  # the step is only shown; a commit does not fail for it
            log.warning("Cannot record step %d of %s: %s", done, operation, error)

    return progress


def in_shown_steps(progress: Progress) -> Progress:
    """Return a function that reports at most `_SHOWN_STEPS` steps: a dataset may have many thousand episodes."""
    last = -1

    def scaled(done: int, total: int) -> None:
        nonlocal last
        shown = done if total <= _SHOWN_STEPS else done * _SHOWN_STEPS // total
        if shown != last:
            last = shown
            progress(shown, min(total, _SHOWN_STEPS))

    return scaled


def begin_writing(operation: Operation) -> Callable[[], None]:
    """Return a function that notes in the row that the state is about to be swapped in: no cancel stops it then.

    It raises LostLease if the row was cancelled or lost.
    """

    def begin() -> None:
        if not owned_row(operation).update(result={"writing": True}):
            raise LostLease

    return begin
