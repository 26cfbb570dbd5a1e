"""What every run of an operation needs: who makes the revision, and a progress that stops a run that lost its lease."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from recorder.jobs.leases import Heartbeat, LostLease
from recorder.models import Operation
from recorder.models.states import OperationState

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all) before each step."""


def made_by(operation: Operation) -> dict[str, Any]:
    """Who makes a revision when, for its sidecar; and for which operation, which then knows that it is written."""
    now = timezone.now().isoformat(timespec="seconds")
    return {"by": operation.started_by, "at": now, "operation": str(operation.pk)}


def step_recorder(operation: Operation, heart: Heartbeat) -> Progress:
    """Record each step in the row; LostLease where the operation was cancelled or given to another worker."""
    mine = Operation.objects.filter(pk=operation.pk, token=operation.token, state=OperationState.RUNNING)

    def progress(done: int, total: int) -> None:
        heart.progress(done)
        if not mine.update(steps_done=done, steps_total=total, updated_at=timezone.now()):
            raise LostLease

    return progress
