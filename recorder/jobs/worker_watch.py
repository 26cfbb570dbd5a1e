"""Tell which workers have stopped answering, from the leases that they renew twice a second.

A lease says when a worker's work goes to another one, which is long after the worker died. This watch sees earlier that
a lease is not renewed any more. It compares each lease with the one seen before, and measures time on its own clock, so
it does not depend on the clocks of other computers.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from recorder.models import Job, Operation
from recorder.models.states import JobState, OperationState

SILENT_AFTER_S = 1.75
"""Three renewals missed. With the feed's own period, an open page shows it less than 3 s after the worker died."""
NOBODY_AFTER_S = 8.0
"""How long work that was never tried waits, while no worker does anything, before a page says that none may run."""


_LOOK_IS_OLD_S = 5.0


@dataclass(slots=True)
class _Seen:
    """A lease as it was last seen to change, and when, on the monotonic clock."""

    operation: uuid.UUID
    until: datetime | None
    at_s: float


class WorkerWatch:
    """Remembers leases between looks. One per process: the feed of changes looks, and pages ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[tuple[str, str], _Seen] = {}
        self._untried: dict[uuid.UUID, float] = {}
        self._silent: dict[uuid.UUID, datetime] = {}
        self._unclaimed: set[uuid.UUID] = set()
        self._looked_s = 0.0

    @property
    def is_idle(self) -> bool:
        """Return whether the last look found nothing that a worker does or should do."""
        return not self._leases and not self._untried

    def look(self, now_s: float | None = None) -> set[uuid.UUID]:
        """Read the leases; return the operations whose worker was lost, came back or was missed since the last look."""
        now_s = time.monotonic() if now_s is None else now_s
        leases, untried = _leases(), _untried()
        with self._lock:
            self._leases = {key: self._seen(key, operation, until, now_s) for key, operation, until in leases}
            # While somebody works, what waits will have its turn.
            self._untried = {pk: now_s if self._leases else self._untried.get(pk, now_s) for pk in untried}
            silent = self._silent_now(now_s)
            unclaimed = {pk for pk, since in self._untried.items() if now_s - since >= NOBODY_AFTER_S}
            changed = (silent.keys() ^ self._silent.keys()) | (unclaimed ^ self._unclaimed)
            self._silent = {pk: self._silent.get(pk, since) for pk, since in silent.items()}
            self._unclaimed = unclaimed
            self._looked_s = time.monotonic()
        return changed

    def silent_since(self, operation: uuid.UUID) -> datetime | None:
        """Return since when the worker of the operation has not answered; None while it does, or if nobody looks."""
        return None if self._is_old else self._silent.get(operation)

    def is_unclaimed(self, operation: uuid.UUID) -> bool:
        """Return whether the operation waits although no worker is busy."""
        return operation in self._unclaimed and not self._is_old

    def forget(self) -> None:
        """Forget everything: somebody begins to look, and what was seen before is old."""
        with self._lock:
            self._leases, self._untried, self._silent, self._unclaimed = {}, {}, {}, set()

    @property
    def _is_old(self) -> bool:
        return time.monotonic() - self._looked_s > _LOOK_IS_OLD_S

    def _seen(self, key: tuple[str, str], operation: uuid.UUID, until: datetime | None, now_s: float) -> _Seen:
        before = self._leases.get(key)
        return before if before is not None and before.until == until else _Seen(operation, until, now_s)

    def _silent_now(self, now_s: float) -> dict[uuid.UUID, datetime]:
        """Return by operation since when it is silent: one of its leases was not renewed for SILENT_AFTER_S."""
        now = timezone.now()
        ages = [(seen.operation, now_s - seen.at_s) for seen in self._leases.values()]
        return {operation: now - timedelta(seconds=age) for operation, age in ages if age >= SILENT_AFTER_S}


def _leases() -> list[tuple[tuple[str, str], uuid.UUID, datetime | None]]:
    """Return key, operation and lease of everything that a worker holds. The key has the token: a new claim is new."""
    jobs = Job.objects.filter(state=JobState.RUNNING).values_list("token", "operation_id", "lease_until")
    held = Operation.objects.filter(state=OperationState.RUNNING).exclude(token="")
    operations = held.values_list("token", "pk", "lease_until")
    found = [(("job", token), operation, until) for token, operation, until in jobs]
    return found + [(("operation", token), operation, until) for token, operation, until in operations]


def _untried() -> Collection[uuid.UUID]:
    """Return the operations that have jobs, or a run, that no worker has claimed yet."""
    jobs = Job.objects.waiting().filter(attempt=0).order_by().values_list("operation_id", flat=True).distinct()
    runs = Operation.objects.filter(state=OperationState.RUNNING, token="", attempt=0).order_by()
    return {*jobs, *runs.values_list("pk", flat=True)}


worker_watch = WorkerWatch()
