"""Run the sweep in the worker's own scheduler thread, so that it waits neither for an encode nor for the broker."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import beat
from django.conf import settings
from django.db import Error, close_old_connections

from recorder.worker import sweep

log = logging.getLogger(__name__)


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """A scheduler on the monotonic clock. Celery's would pause for an hour after the wall clock was set back by one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._next_sweep_at = time.monotonic() + 1.0  # let the worker beside it start first

    def setup_schedule(self) -> None:
        """Do nothing: this scheduler has no schedule file."""
        pass

    def tick(self, *_: Any, **__: Any) -> float:
        """Sweep if it is due; return the seconds until the next call."""
        now = time.monotonic()
        if now >= self._next_sweep_at:
            run_sweep()
            self._next_sweep_at = time.monotonic() + settings.SWEEP_EVERY_S
        return max(0.05, min(1.0, self._next_sweep_at - time.monotonic()))


def run_sweep() -> None:
    """Run one sweep. Errors are logged, and the next sweep tries again."""
    close_old_connections()
    try:
        sweep.sweep()
    except (Error, OSError) as error:
        log.warning("Cannot sweep now, trying again: %s", error)
    except Exception:  # the outermost loop of the scheduler
        log.exception("The sweep failed")
    finally:
        close_old_connections()
