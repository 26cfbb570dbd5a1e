"""Read the clocks; no other file of capture, spool and rig does.

Ticks and frames carry the monotonic clock, which never jumps; the wall clock is for people.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

SPIN_NS = 150_000
"""`sleep_until` spins for the end of a wait, because the system wakes a sleeping thread late: by 0.05 to 0.1 ms."""

monotonic_ns: Callable[[], int] = time.monotonic_ns
wall_ns: Callable[[], int] = time.time_ns
monotonic: Callable[[], float] = time.monotonic
wall: Callable[[], float] = time.time


def sleep_until(deadline_ns: int, *, spin_ns: int = SPIN_NS) -> None:
    """Wait until the monotonic clock reads `deadline_ns`; return at once if that is past."""
    remaining = deadline_ns - time.monotonic_ns()
    if remaining > spin_ns:
        time.sleep((remaining - spin_ns) / 1e9)
    while time.monotonic_ns() < deadline_ns:
        time.sleep(0)  # lets the camera threads run


def pause(seconds: float) -> None:
    """Sleep for about `seconds`."""
    time.sleep(seconds)


def iso_now() -> str:
    """Return the current time as ISO 8601 in UTC, with milliseconds."""
    return iso(time.time_ns())


def iso(unix_ns: int) -> str:
    """Return a wall-clock time, nanoseconds since 1970, as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(unix_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
