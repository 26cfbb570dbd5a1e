"""The worker's clock sweeps itself: no sweep waits behind a long encode, or for a broker that is away."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import beat
from django.db import Error, close_old_connections

from recorder.worker import sweep

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 5.0


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """By a clock that nobody sets: Celery's own would wait for an hour after the wall clock was set back by one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due = time.monotonic() + 1.0  # the worker beside it begins first

    def setup_schedule(self) -> None:
        pass

    def tick(self, *_: Any, **__: Any) -> float:
        """Sweep where it is time; seconds until the next."""
        now = time.monotonic()
        if now >= self._due:
            look()
            self._due = time.monotonic() + SWEEP_EVERY_S
        return max(0.05, min(1.0, self._due - time.monotonic()))


def look() -> None:
    """One sweep; what goes wrong is said, and the next may fare better."""
    close_old_connections()
    try:
        sweep.sweep()
    except (Error, OSError) as error:
        log.warning("Cannot sweep now, trying again: %s", error)
    except Exception:  # the clock's outermost loop
        log.exception("The sweep failed")
    finally:
        close_old_connections()
