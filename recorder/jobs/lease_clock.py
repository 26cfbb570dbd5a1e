"""The time by which leases are judged: a wall clock that has jumped ahead lets no lease of a living worker run out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

_JUMP_S = 1.0


class LeaseClock:
    """The wall clock, held back for one lease's length after it jumps ahead of the monotonic clock.

    So it jumps when somebody sets it, and when a laptop wakes: both workers and their leases slept, and a sweep may run
    before the first renewal. Every worker that lives renews its leases within that time. A clock that is set back needs
    nothing: `models.job.lease_expired` judges a lease that ends too late as expired.

    `wall` returns the time of day, `monotonic` seconds that never jump. Any thread may ask.
    """

    def __init__(self, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._lock = threading.Lock()
        self._last: tuple[datetime, float] | None = None
        self._jump, self._held_until = timedelta(0), 0.0

    def now(self) -> datetime:
        """Return the time to compare the ends of leases with."""
        with self._lock:
            wall, monotonic_s = self._wall(), self._monotonic()
            if self._last is not None:
                last_wall, last_s = self._last
                jump = wall - last_wall - timedelta(seconds=monotonic_s - last_s)
                if monotonic_s >= self._held_until:
                    self._jump = timedelta(0)
                if jump.total_seconds() > _JUMP_S:
                    self._jump += jump
                    self._held_until = monotonic_s + settings.JOB_LEASE_S
            self._last = wall, monotonic_s
            return wall - self._jump


LEASE_CLOCK = LeaseClock(lambda: timezone.now(), lambda: time.monotonic())
"""This process's clock. It knows of jumps since it was last asked, by the sweep every few seconds."""
