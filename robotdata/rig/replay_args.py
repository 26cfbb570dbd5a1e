"""The commands of a replay: their arguments, and the rows that the server sends in parts before it."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.playback import DEFAULT_FACTOR, LEAST_FACTOR, MOST_FACTOR, Recording
from robotdata.rig.protocol import CommandRefused
from robotdata.rig.recordings import MAX_VALUES

PART_VALUES = 50_000
"""The values in one part; as base64 they stay far below what a message may have."""
_MOST_JOINTS, _LONGEST_NAME, _LONGEST_ID, _LONGEST_TASK, _MOST_FPS = 256, 200, 36, 1000, 1000


@dataclass(frozen=True, slots=True)
class ReplayArgs:
    """The checked arguments of `replay`: rows `first` to `last` (None: the last one) of a take, or rows that were sent.

    `factor` is the speed as a factor of the recorded one; `episode` and `task` are for people. `unwatched`: play on
    although no page shows it.
    """

    take: str
    rows: str
    factor: float
    first: int
    last: int | None
    episode: str
    task: str
    unwatched: bool = False


def parse_replay(args: Mapping[str, Any]) -> ReplayArgs:
    """Return the checked arguments of `replay`. Raises CommandRefused(bad_args), naming the argument."""
    take, rows = _text(args, "take", _LONGEST_ID), _text(args, "rows", _LONGEST_ID)
    if bool(take) == bool(rows):
        raise CommandRefused("bad_args", "take: want the id of a take or, as `rows`, that of rows that were sent")
    factor = args.get("speed", DEFAULT_FACTOR)
    is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not is_number or not LEAST_FACTOR <= factor <= MOST_FACTOR:
        raise CommandRefused("bad_args", f"speed: want {LEAST_FACTOR:g} to {MOST_FACTOR:g}, got {factor!r:.60}")
    last = None if args.get("to") is None else _count(args, "to", MAX_VALUES)
    first = _count(args, "from", MAX_VALUES) if "from" in args else 0
    episode, task = _text(args, "episode", _LONGEST_ID), _text(args, "task", _LONGEST_TASK)
    unwatched = args.get("unwatched", False)
    if not isinstance(unwatched, bool):
        raise CommandRefused("bad_args", f"unwatched: want true or false, got {unwatched!r:.60}")
    return ReplayArgs(take, rows, float(factor), first, last, episode, task, unwatched)


class SentRows:
    """Collects the rows of one recording that come in parts; those of an earlier one are forgotten."""

    def __init__(self) -> None:
        self._id = ""
        self._head: dict[str, Any] = {}
        self._parts: list[NDArray[np.float32]] = []
        self._count = 0

    def add(self, args: Mapping[str, Any]) -> None:
        """Take in one part. Raises CommandRefused(bad_args), naming the argument."""
        rows = _text(args, "rows", _LONGEST_ID)
        if not rows:
            raise CommandRefused("bad_args", "rows: is missing; want an id for the rows")
        first, head = _count(args, "first", MAX_VALUES), _head(args)
        if first == 0:
            self._id, self._head, self._parts, self._count = rows, head, [], 0
        elif rows != self._id or first != self._count:
            wanted = f"row {self._count} of {self._id!r:.40}" if self._id else "the first part"
            raise CommandRefused("bad_args", f"first: got row {first} of {rows!r:.40}, want {wanted}; send all again")
        part = _values(args, len(self._head["names"]))
        if self._count + len(part) > self._head["total"]:
            raise CommandRefused("bad_args", f"data: more rows than the {self._head['total']} of `total`")
        self._parts.append(part)
        self._count += len(part)

    def take(self, rows: str) -> Recording:
        """Return the recording `rows`, and forget it. Raises CommandRefused(no_take) unless all of it has come."""
        head = self._head
        if rows != self._id or self._count != head.get("total"):
            raise CommandRefused("no_take", f"the rows {rows!r:.40} have not come, or not all of them; send them again")
        values, self._parts = np.concatenate(self._parts), []
        self._id, self._count = "", -1
        return Recording(tuple(head["names"]), values, head["fps"], np.array(head["low"]), np.array(head["high"]))


def parts_of(recording: Recording, rows: str) -> Iterator[dict[str, Any]]:
    """Return the arguments of the commands `replay_rows` that send a recording, in their order."""
    head = {
        "rows": rows,
        "total": len(recording.rows),
        "fps": recording.fps,
        "names": list(recording.names),
        "low": recording.low.tolist(),
        "high": recording.high.tolist(),
    }
    step = max(1, PART_VALUES // max(1, len(recording.names)))
    for first in range(0, len(recording.rows), step):
        data = np.ascontiguousarray(recording.rows[first : first + step], "<f4").tobytes()
        yield {**head, "first": first, "data": base64.b64encode(data).decode("ascii")}


def _head(args: Mapping[str, Any]) -> dict[str, Any]:
    names = args.get("names")
    if not isinstance(names, list) or not 0 < len(names) <= _MOST_JOINTS:
        raise CommandRefused("bad_args", f"names: want a list of 1 to {_MOST_JOINTS} names")
    if not all(isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME for name in names):
        raise CommandRefused("bad_args", f"names: want texts of 1 to {_LONGEST_NAME} characters")
    total = _count(args, "total", MAX_VALUES // len(names), least=1)
    fps = args.get("fps")
    if not _is_number(fps) or not 0 < fps <= _MOST_FPS:  # type: ignore[operator]
        raise CommandRefused("bad_args", f"fps: want more than 0, up to {_MOST_FPS}, got {fps!r:.60}")
    limits = {name: args.get(name) for name in ("low", "high")}
    for name, limit in limits.items():
        if not isinstance(limit, list) or len(limit) != len(names) or not all(_is_number(each) for each in limit):
            raise CommandRefused("bad_args", f"{name}: want a number for each of the {len(names)} names")
    return {"names": names, "total": total, "fps": float(fps), **limits}  # type: ignore[arg-type]


def _values(args: Mapping[str, Any], joints: int) -> NDArray[np.float32]:
    """Return a part as float32 (n, joints). That the values are finite, `playback.check_rows` says."""
    text = args.get("data")
    if not isinstance(text, str) or len(text) > 8 * PART_VALUES:
        raise CommandRefused("bad_args", f"data: want base64 text of at most {8 * PART_VALUES} characters")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CommandRefused("bad_args", f"data: is not base64: {error}") from error
    if not data or len(data) % (4 * joints):
        raise CommandRefused("bad_args", f"data: has {len(data)} bytes, want whole rows of {joints} float32 values")
    return np.frombuffer(data, "<f4").reshape(-1, joints).astype(np.float32)


def _text(args: Mapping[str, Any], name: str, limit: int) -> str:
    value = args.get(name) or ""
    if not isinstance(value, str) or len(value) > limit:
        raise CommandRefused("bad_args", f"{name}: want text of at most {limit} characters, got {value!r:.60}")
    return value


def _count(args: Mapping[str, Any], name: str, most: int, *, least: int = 0) -> int:
    value = args.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise CommandRefused("bad_args", f"{name}: want a whole number from {least} to {most}, got {value!r:.60}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
