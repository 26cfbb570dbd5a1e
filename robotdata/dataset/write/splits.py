"""`splits` of info.json after an edit: each keeps the episodes that it had; nobody's validation becomes training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

TRAIN = "train"
_RANGE = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")


def mapped_splits(splits: Any, before: int, kept: Sequence[int], added: int) -> tuple[Any, list[str]]:
    """Return the splits of the next state, and notes about what could not be carried over.

    `before` is the number of episodes so far, `kept` (ascending) are those that stay, `added` new ones come behind
    them. New episodes go to `train` where it reaches to the last episode, or where there are no splits; else they are
    in no split, for nobody but a person can say to which they belong. A split that is not written as LeRobot writes it
    (`"0:4"`, `"0:4,6:8"`) stays as it is.
    """
    total = len(kept) + added
    if splits is not None and not isinstance(splits, Mapping):
        return splits, [f"splits in meta/info.json is {splits!r:.100}: it was not changed; set it by hand"]
    parsed = {name: _parse(value) for name, value in (splits or {}).items()}
    if not any(end > begin for ranges in parsed.values() for begin, end in ranges or ()):
        unread = {name: value for name, value in (splits or {}).items() if parsed[name] is None}
        return {TRAIN: f"0:{total}", **unread} if TRAIN not in unread else unread, []
    made: dict[str, Any] = {}
    notes: list[str] = []
    for name, ranges in parsed.items():
        if ranges is None:
            made[name] = (splits or {})[name]
            if list(kept) != list(range(before)):
                notes.append(f"split {name} ({made[name]!r:.60}) was not changed: set it by hand in meta/info.json")
            continue
        moved = _moved(ranges, kept)
        if name == TRAIN and added and ranges and ranges[-1][1] >= before:
            moved = _joined([*moved, (len(kept), total)])
        if moved:
            made[name] = ",".join(f"{begin}:{end}" for begin, end in moved)
        elif ranges:
            notes.append(f"split {name} has no episode left and was removed from meta/info.json")
    if added and not _reaches(made.get(TRAIN), total):
        first = f"episode {len(kept)} is" if added == 1 else f"episodes {len(kept)} to {total - 1} are"
        notes.append(f"{first} in no split, because the last split is not {TRAIN}: assign one in meta/info.json")
    return made, notes


def _parse(value: Any) -> list[tuple[int, int]] | None:
    """Ranges [begin, end) of episodes; None if it is none."""
    if not isinstance(value, str):
        return None
    found = [_RANGE.fullmatch(part) for part in value.split(",")]
    return [(int(match[1]), int(match[2])) for match in found if match] if all(found) else None


def _moved(ranges: Sequence[tuple[int, int]], kept: Sequence[int]) -> list[tuple[int, int]]:
    """The same episodes, in the numbers that they have now."""
    places = [(place, place + 1) for begin, end in ranges for place, n in enumerate(kept) if begin <= n < end]
    return _joined(places)


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    for begin, end in ranges:
        if made and made[-1][1] == begin:
            made[-1] = made[-1][0], end
        elif end > begin:
            made.append((begin, end))
    return made


def _reaches(value: Any, total: int) -> bool:
    ranges = _parse(value)
    return bool(ranges and ranges[-1][1] >= total)
