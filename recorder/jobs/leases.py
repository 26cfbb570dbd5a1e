"""Leases on rows: a thread renews the lease while the work runs, so it expires only if the process dies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

log = logging.getLogger(__name__)

PERIOD_S = 0.5


class LostLease(Exception):
    """The row was cancelled or given to another worker; this process must not write it any more."""


def lease_end() -> datetime:
    """Return the time until which a lease that is taken or renewed now is valid."""
    return timezone.now() + timedelta(seconds=settings.JOB_LEASE_S)


class Heartbeat:
    """Call `renew(steps)` twice a second in a thread; it returns False if the row is lost.

    The work calls `progress(steps)`, which raises LostLease once the row is lost. If `steps` does not change for
    `stall_s` seconds, the thread calls `on_stall` once and stops renewing the lease.
    """

    def __init__(
        self,
        renew: Callable[[int], bool],
        *,
        stall_s: float = float("inf"),
        on_stall: Callable[[str], None] | None = None,
    ) -> None:
        self._renew = renew
        self._on_stall = on_stall
        self._stall_beats = (
            stall_s / PERIOD_S
        )  # counted in beats, not seconds: a process that was suspended for an hour has not stalled
        self._steps = 0
        self._lost = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def progress(self, steps: int) -> None:
        """Report the number of steps done. Raise LostLease if the row is lost."""
        self._steps = steps
        self.check()

    def check(self) -> None:
        """Raise LostLease if the row is lost."""
        if self._lost.is_set():
            raise LostLease

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._beat()
        finally:
            connection.close()

    def _beat(self) -> None:
        last_steps, idle_beats = -1, 0
        while not self._stop.wait(PERIOD_S):
            idle_beats = idle_beats + 1 if self._steps == last_steps else 0
            last_steps = self._steps
            if idle_beats > self._stall_beats:
                self._lost.set()
                if self._on_stall is not None:
                    self._on_stall(f"no frame has come out for {idle_beats * PERIOD_S:.0f} s, after frame {last_steps}")
                return
            try:
                renewed = self._renew(last_steps)
            except Error as error:  # the lease outlasts a short database outage
                log.warning("Cannot renew the lease now, trying again: %s", error)
                connection.close()
                continue
            if not renewed:
                self._lost.set()
                return
