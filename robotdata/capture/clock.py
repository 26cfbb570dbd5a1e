"""The only file that reads a clock. Ticks and frames use the monotonic one; the wall clock is for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

SPIN_NS = 300_000
"""The last stretch of a wait is spun: the system wakes sleepers up to about this much late."""

monotonic_ns: Callable[[], int] = time.monotonic_ns
wall_ns: Callable[[], int] = time.time_ns
monotonic: Callable[[], float] = time.monotonic
wall: Callable[[], float] = time.time


def sleep_until(deadline_ns: int, *, spin_ns: int = SPIN_NS) -> None:
    """Return at `deadline_ns` of the monotonic clock, at once where that is past."""
    rest = deadline_ns - time.monotonic_ns()
    if rest > spin_ns:
        time.sleep((rest - spin_ns) / 1e9)
    while time.monotonic_ns() < deadline_ns:
        time.sleep(0)  # lets the camera threads run


def pause(seconds: float) -> None:
    """Sleep without precision."""
    time.sleep(seconds)


def iso_now() -> str:
    """The wall clock as ISO 8601 in UTC, with milliseconds."""
    return iso(time.time_ns())


def iso(unix_ns: int) -> str:
    """A time of the wall clock, nanoseconds since 1970, as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(unix_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
