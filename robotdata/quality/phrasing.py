"""Format numbers, times and names for the texts of quality marks."""

from __future__ import annotations

from robotdata.quality.metrics import TakeMetrics
from robotdata.quality.runs import Run

_PREFIX = "observation.images."


def camera_name(key: str) -> str:
    """Return `Camera front` for the feature key `observation.images.front`."""
    return f"Camera {key.removeprefix(_PREFIX)}"


def time_of_tick(take: TakeMetrics, tick: int) -> str:
    """Return when `tick` happens, in seconds from the start of the take: `3.2 s`.

    `tick` counts from `take.first_tick`.
    """
    return f"{(tick + take.first_tick) / take.fps:.1f} s"


def time_span(take: TakeMetrics, run: Run) -> str:
    """Return `from 3.2 s to 5.0 s` for the ticks [first, end) of `run`.

    Return `all the time` if the run covers the whole take.
    """
    if run[0] <= 0 and run[1] >= take.ticks:
        return "all the time"
    begin, end = time_of_tick(take, run[0]), time_of_tick(take, run[1])
    return f"from {begin} to {end}" if begin != end else f"at {begin}"


def percent(value: float) -> str:
    """Return a share (1 = all) as a percentage: one decimal below 10 %, none above."""
    return f"{100 * value:.0f} %" if 100 * value >= 10 else f"{100 * value:.1f} %"


def ratio_text(ratio: float) -> str:
    """Return a ratio as `3.2 times`; no decimals from 10 on."""
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def plural(number: int, noun: str) -> str:
    """Return `1 tick` or `1,200 ticks`. The plural is `noun` with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def join_names(names: list[str], most: int = 4) -> str:
    """Return `a, b and c`; beyond `most` names, `a, b, c, d and 3 more`."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
