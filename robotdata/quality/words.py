"""Numbers and names as people read them."""

from __future__ import annotations

from robotdata.quality.metrics import TakeMetrics
from robotdata.quality.runs import Run

_PREFIX = "observation.images."


def camera_name(key: str) -> str:
    return f"Camera {key.removeprefix(_PREFIX)}"


def at(take: TakeMetrics, tick: int) -> str:
    return f"{(tick + take.first_tick) / take.fps:.1f} s"


def span(take: TakeMetrics, run: Run) -> str:
    """`from 3.2 s to 5.0 s`, or `all the time`."""
    if run[0] <= 0 and run[1] >= take.ticks:
        return "all the time"
    begin, end = at(take, run[0]), at(take, run[1])
    return f"from {begin} to {end}" if begin != end else f"at {begin}"


def share(value: float) -> str:
    """A share as per cent, with as many digits as are worth reading."""
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"


def times(ratio: float) -> str:
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: list[str], most: int = 4) -> str:
    """`a, b and c`, cut short where there are many."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
