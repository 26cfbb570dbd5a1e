"""A lease on a row: renewed from a thread of its own while the work runs, lost only with the process."""

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
    """The row is no longer ours: cancelled, or given to another worker. Nothing of it may be written any more."""


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.JOB_LEASE_S)


class Heartbeat:
    """Calls `renew(steps)` twice a second, in a thread; False from it means that the row is lost.

    The work calls `progress(steps)`, which raises LostLease then. Where `progress` says nothing new for
    `stall_s` seconds, `on_stall` is called once, in the thread, and the lease is renewed no longer.
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
        self._patience = (
            stall_s / PERIOD_S
        )  # beats, not seconds: a process that was stopped for an hour has not stalled
        self._steps = 0
        self._lost = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def progress(self, steps: int) -> None:
        """Raises LostLease."""
        self._steps = steps
        self.check()

    def check(self) -> None:
        """Raises LostLease."""
        if self._lost.is_set():
            raise LostLease

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._beat()
        finally:
            connection.close()

    def _beat(self) -> None:
        seen, quiet = -1, 0
        while not self._end.wait(PERIOD_S):
            quiet = quiet + 1 if self._steps == seen else 0
            seen = self._steps
            if quiet > self._patience:
                self._lost.set()
                if self._on_stall is not None:
                    self._on_stall(f"no frame has come out for {quiet * PERIOD_S:.0f} s, after frame {seen}")
                return
            try:
                ours = self._renew(seen)
            except Error as error:  # the lease is longer than a moment's trouble
                log.warning("Cannot renew the lease now, trying again: %s", error)
                connection.close()
                continue
            if not ours:
                self._lost.set()
                return
