"""Numbers for people: counts, frame ranges, durations, sizes, ages; one function for each, for every page and message.

`static/js/lib/format.js` has the same functions for scripts, in camel case, but for `age`, which no script needs.
`tests/recorder/test_numbers.py` runs one table of values through both.
"""

from __future__ import annotations

from datetime import date, datetime

UNKNOWN = "–"
_UNITS = ("B", "kB", "MB", "GB")
_HALF = 1e-9  # so that 0.25, stored a little less, rounds as a person rounds it


def number(value: int) -> str:
    """Return an integer with commas between thousands: `1,204`."""
    return f"{value:,}"


def count(value: int, noun: str, plural: str = "") -> str:
    """Return a number of things: `1 take`, `1,204 takes`; `plural` where it is not the noun with an s."""
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def extent(episodes: int, frames: int) -> str:
    """Return how much a dataset holds: `1 episode, 1,204 frames`."""
    return f"{count(episodes, 'episode')}, {count(frames, 'frame')}"


def frame_range(first: int, end: int) -> str:
    """Return `frames 12–110` for the frames from `first` up to, and not including, `end`; `frame 12` for one.

    Both ends are shown, counted from 0.
    """
    return f"frame {first}" if end - first == 1 else f"frames {first}–{end - 1}"


def frame_count(kept: int, total: int) -> str:
    """Return `123 frames`, or `99 of 123 frames` where a trim keeps fewer."""
    return count(total, "frame") if kept == total else f"{number(kept)} of {count(total, 'frame')}"


def clock(seconds: float | None) -> str:
    """Return a length as `0:07.3`, `12:03` (from ten minutes on) or `1:02:03`; a dash if it is unknown."""
    if seconds is None:
        return UNKNOWN
    tenths = _rounded(max(0.0, seconds) * 10)
    if tenths < 6000:
        return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"
    whole = _rounded(seconds)
    hours, minutes, left = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def seconds(value: float | None) -> str:
    """Return a short duration: `3.9 s`, and from a hundred seconds on as `span` does; a dash if it is unknown."""
    if value is None:
        return UNKNOWN
    return f"{_tenths(value)} s" if value < 99.95 else span(value)


def span(seconds: float | None) -> str:
    """Return a rough duration: `0 s`, `48 s`, `12 min`, `3.4 h`; a dash if it is unknown."""
    if seconds is None:
        return UNKNOWN
    if seconds < 99.5:
        return f"{_rounded(seconds)} s"
    if seconds < 5370:
        return f"{_rounded(seconds / 60)} min"
    return f"{_tenths(seconds / 3600)} h"


def size(value: float | None) -> str:
    """Return bytes with a decimal unit: `12 kB`, `3.4 MB`; a dash if they are unknown."""
    if value is None:
        return UNKNOWN
    for unit in _UNITS:
        if value < 999.5:
            return f"{_rounded(value)} {unit}" if unit in ("B", "kB") or value >= 99.95 else f"{_tenths(value)} {unit}"
        value /= 1000
    return f"{_tenths(value)} TB"


def age(when: datetime, now: datetime) -> str:
    """Return a time of the past, in the zone of both: `just now`, `4 min ago`, `yesterday 14:02` or `3 Nov 14:02`."""
    seconds = (now - when).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    days = (now.date() - when.date()).days
    return f"{_day(when.date(), days)} {when:%H:%M}" if days < 300 else f"{when.day} {when:%b %Y}"


def _day(day: date, days: int) -> str:
    return {0: "today", 1: "yesterday"}.get(days, f"{day.day} {day:%b}")


def _rounded(value: float) -> int:
    """Return the nearest integer, halves up: Python rounds them to even, JavaScript does not."""
    return int(value + 0.5 + _HALF)


def _tenths(value: float) -> str:
    return f"{_rounded(value * 10) / 10:.1f}"
