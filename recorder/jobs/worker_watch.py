"""Tell which workers have stopped answering, from the leases that they renew twice a second.

A lease says when a worker's work goes to another one, which is long after the worker died. This watch sees earlier that
a lease is not renewed any more. It compares each lease with the one seen before, and measures time on its own clock, so
it does not depend on the clocks of other computers.

A renewal writes to the database, so it waits while another transaction writes. That a worker is silent says only that;
it is lost once its lease has run out.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from recorder.models import Job, Operation
from recorder.models.states import JobState, OperationState

SILENT_AFTER_S = 2.0
"""Four renewals missed. With the feed's own period, an open page shows it less than 3 s after the worker died."""
NOBODY_AFTER_S = 8.0
"""How long work that was never tried waits, while no worker holds a lease, before a page says so."""

_LOOK_IS_OLD_S = 5.0


@dataclass(slots=True)
class _Seen:
    """A lease as it was last seen to change, and when, on the monotonic clock."""

    operation: uuid.UUID
    until: datetime | None
    at_s: float


@dataclass(slots=True)
class _Waits:
    """Work that no worker has begun: how many rows, and since when there are that many, on the monotonic clock."""

    rows: int
    at_s: float


class WorkerWatch:
    """Remembers leases between looks. One per process: the feed of changes looks, and pages ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[tuple[str, str], _Seen] = {}
        self._untried: dict[uuid.UUID, _Waits] = {}
        self._silent: dict[uuid.UUID, datetime] = {}
        self._lost: set[uuid.UUID] = set()
        self._unclaimed: dict[uuid.UUID, datetime] = {}
        self._looked_s = 0.0

    @property
    def is_idle(self) -> bool:
        """Return whether the last look found nothing that a worker does or should do."""
        return not self._leases and not self._untried

    def look(self, now_s: float | None = None) -> set[uuid.UUID]:
        """Read the leases; return the operations of which a page has something else to say than at the last look."""
        now_s = time.monotonic() if now_s is None else now_s
        leases, untried = _leases(), _untried()
        with self._lock:
            self._leases = {key: self._seen(key, operation, until, now_s) for key, operation, until in leases}
            self._untried = {pk: self._waits(pk, rows, now_s) for pk, rows in untried.items()}
            silent, lost = self._older_than(SILENT_AFTER_S, now_s), self._older_than(settings.JOB_LEASE_S, now_s).keys()
            unclaimed = self._unclaimed_now(now_s)
            changed = (silent.keys() ^ self._silent.keys()) | (lost ^ self._lost)
            changed |= unclaimed.keys() ^ self._unclaimed.keys()
            self._silent = {pk: self._silent.get(pk, since) for pk, since in silent.items()}
            self._lost = set(lost)
            self._unclaimed = {pk: self._unclaimed.get(pk, since) for pk, since in unclaimed.items()}
            self._looked_s = time.monotonic()
        return changed

    def silent_since(self, operation: uuid.UUID) -> datetime | None:
        """Return since when the worker of the operation has not answered; None while it does, or if nobody looks."""
        return None if self._is_old else self._silent.get(operation)

    def is_lost(self, operation: uuid.UUID) -> bool:
        """Return whether the lease of the operation's worker has run out, so that another worker takes its work."""
        return operation in self._lost and not self._is_old

    def unclaimed_since(self, operation: uuid.UUID) -> datetime | None:
        """Return since when no worker has begun any of its work, although none holds a lease; None if one has.

        A worker that measures takes holds no lease.
        """
        return None if self._is_old else self._unclaimed.get(operation)

    def forget(self) -> None:
        """Forget everything: somebody begins to look, and what was seen before is old."""
        with self._lock:
            self._leases, self._untried, self._silent, self._lost, self._unclaimed = {}, {}, {}, set(), {}

    @property
    def _is_old(self) -> bool:
        return time.monotonic() - self._looked_s > _LOOK_IS_OLD_S

    def _seen(self, key: tuple[str, str], operation: uuid.UUID, until: datetime | None, now_s: float) -> _Seen:
        before = self._leases.get(key)
        return before if before is not None and before.until == until else _Seen(operation, until, now_s)

    def _waits(self, operation: uuid.UUID, rows: int, now_s: float) -> _Waits:
        """Return since when nobody works; while somebody does, what waits will have its turn."""
        before = self._untried.get(operation)
        return before if before is not None and before.rows == rows and not self._leases else _Waits(rows, now_s)

    def _unclaimed_now(self, now_s: float) -> dict[uuid.UUID, datetime]:
        now = timezone.now()
        ages = {pk: now_s - waits.at_s for pk, waits in self._untried.items()}
        return {pk: now - timedelta(seconds=age) for pk, age in ages.items() if age >= NOBODY_AFTER_S}

    def _older_than(self, age_s: float, now_s: float) -> dict[uuid.UUID, datetime]:
        """Return by operation since when it is silent: one of its leases was not renewed for `age_s` seconds."""
        now = timezone.now()
        ages = [(seen.operation, now_s - seen.at_s) for seen in self._leases.values()]
        return {operation: now - timedelta(seconds=age) for operation, age in ages if age >= age_s}


def _leases() -> list[tuple[tuple[str, str], uuid.UUID, datetime | None]]:
    """Return key, operation and lease of everything that a worker holds. The key has the token: a new claim is new."""
    jobs = Job.objects.filter(state=JobState.RUNNING).values_list("token", "operation_id", "lease_until")
    held = Operation.objects.filter(state=OperationState.RUNNING).exclude(token="")
    operations = held.values_list("token", "pk", "lease_until")
    found = [(("job", token), operation, until) for token, operation, until in jobs]
    return found + [(("operation", token), operation, until) for token, operation, until in operations]


def _untried() -> dict[uuid.UUID, int]:
    """Return the operations that have jobs, or a run, that no worker has claimed yet, and how many.

    What waits by a worker's decision (for space, or for a dataset that others write) has an error and was tried,
    although that attempt does not count.
    """
    waiting = Job.objects.waiting().filter(attempt=0, error="").order_by().values("operation_id")
    jobs = dict(waiting.annotate(rows=Count("pk")).values_list("operation_id", "rows"))
    due = Q(lease_until=None) | Q(lease_until__lte=timezone.now())
    runs = Operation.objects.filter(due, state=OperationState.RUNNING, token="", attempt=0, error="").order_by()
    return {**jobs, **dict.fromkeys(runs.values_list("pk", flat=True), 1)}


worker_watch = WorkerWatch()
