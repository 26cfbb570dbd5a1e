"""`splits` of info.json after an edit.

Each split keeps its episodes, so that no validation episode becomes training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

TRAIN = "train"
_RANGE = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")


def mapped_splits(splits: Any, before: int, kept: Sequence[int], added: int) -> tuple[Any, list[str]]:
    """Return the splits of the next state, and notes about what could not be carried over.

    `before`: the current number of episodes. `kept`: those that stay, in their new order; both parts of one that is cut
    have its number. `added`: the number of new ones after them. New episodes go to `train` if it reaches the last
    episode or if there are no splits; otherwise they are in no split, because only a person can decide. A split that is
    not in LeRobot's form (`"0:4"`, `"0:4,6:8"`) is unchanged.
    """
    total = len(kept) + added
    if splits is not None and not isinstance(splits, Mapping):
        return splits, [f"splits in meta/info.json is {splits!r:.100}: it was not changed; set it by hand"]
    parsed = {name: _parse(value) for name, value in (splits or {}).items()}
    if not any(end > begin for ranges in parsed.values() for begin, end in ranges or ()):
        unread = {name: value for name, value in (splits or {}).items() if parsed[name] is None}
        return {TRAIN: f"0:{total}", **unread} if TRAIN not in unread else unread, []
    result: dict[str, Any] = {}
    notes: list[str] = []
    for name, ranges in parsed.items():
        if ranges is None:
            result[name] = (splits or {})[name]
            if list(kept) != list(range(before)):
                notes.append(f"split {name} ({result[name]!r:.60}) was not changed: set it by hand in meta/info.json")
            continue
        moved = _moved(ranges, kept)
        if name == TRAIN and added and ranges and ranges[-1][1] >= before:
            moved = _joined([*moved, (len(kept), total)])
        if moved:
            result[name] = ",".join(f"{begin}:{end}" for begin, end in moved)
        elif ranges:
            notes.append(f"split {name} has no episode left and was removed from meta/info.json")
    if added and not _reaches(result.get(TRAIN), total):
        first = f"episode {len(kept)} is" if added == 1 else f"episodes {len(kept)} to {total - 1} are"
        notes.append(f"{first} in no split, because the last split is not {TRAIN}: assign one in meta/info.json")
    return result, notes


def _parse(value: Any) -> list[tuple[int, int]] | None:
    """Return ranges [begin, end) of episodes; None if the value is not in LeRobot's form."""
    if not isinstance(value, str):
        return None
    matches = [_RANGE.fullmatch(part) for part in value.split(",")]
    return [(int(match[1]), int(match[2])) for match in matches if match] if all(matches) else None


def _moved(ranges: Sequence[tuple[int, int]], kept: Sequence[int]) -> list[tuple[int, int]]:
    """Return the same episodes with their new numbers."""
    positions = [
        (position, position + 1) for begin, end in ranges for position, n in enumerate(kept) if begin <= n < end
    ]
    return _joined(positions)


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges with adjacent ones joined."""
    joined: list[tuple[int, int]] = []
    for begin, end in ranges:
        if joined and joined[-1][1] == begin:
            joined[-1] = joined[-1][0], end
        elif end > begin:
            joined.append((begin, end))
    return joined


def _reaches(value: Any, total: int) -> bool:
    """Return whether the split contains the last episode."""
    ranges = _parse(value)
    return bool(ranges and ranges[-1][1] >= total)
