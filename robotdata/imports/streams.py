"""The one protocol of all readers: which streams a recording has, and its messages in the order of their times."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robotdata.imports.errors import BadSource
from robotdata.numbers import count as count_of
from robotdata.video.jpeg import MAX_PIXELS

MOST_STREAMS = 2_000
MOST_VALUES = 4_096
"""The most numbers of one message that a take can hold as a feature."""
MOST_RECORDINGS = 20_000
_LATEST_NS = 1 << 62


class Kind(StrEnum):
    """What the messages of a stream hold; the value is the word for people."""

    NUMBERS = "numbers"
    PICTURE = "pictures"
    DEPTH = "depth"
    COMPRESSED = "compressed pictures"
    VIDEO = "compressed video"
    TEXT = "text"
    OTHER = "other"


PICTURES = frozenset({Kind.PICTURE, Kind.DEPTH, Kind.COMPRESSED, Kind.VIDEO})


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a recording: a dataset of an HDF5 file, an array, a column, or a topic and its field.

    `shape` is that of one message: (n,) for numbers, (height, width, channels) for pictures, () if unknown. Times are
    nanoseconds; those of a recording without times count from 0 at its own rate. `names` are those of the values.
    `problem` says why it cannot be imported; empty if it can.
    """

    path: str
    kind: Kind
    shape: tuple[int, ...]
    dtype: str
    count: int
    first_ns: int = 0
    last_ns: int = 0
    names: tuple[str, ...] = ()
    problem: str = ""

    @property
    def rate_hz(self) -> float:
        """Return the mean number of messages a second; 0 for fewer than two."""
        span = (self.last_ns - self.first_ns) / 1e9
        return (self.count - 1) / span if self.count > 1 and span > 0 else 0.0

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `value` is an array of numbers, a picture (uint8 (H, W, 3), or uint16 (H, W) of depth in mm), the
    bytes of a JPEG or PNG, or a text."""

    path: str
    time_ns: int
    value: NDArray[Any] | bytes | str


class Recording(Protocol):
    """What becomes one take: a file, a demonstration in it, or an episode of a replay buffer.

    `fps` is the rate that the file states, 0 if it states none. `timed`: the messages have times of their own; without,
    message n of every stream belongs to row n. `task` is the text that the file states. `notes` are for people.
    `skipped` counts, by stream, the messages that could not be used in what was read so far.
    """

    @property
    def name(self) -> str: ...
    @property
    def fps(self) -> float: ...
    @property
    def timed(self) -> bool: ...
    @property
    def task(self) -> str: ...
    @property
    def streams(self) -> Sequence[Stream]: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def skipped(self) -> Mapping[str, int]: ...

    def messages(self, paths: Collection[str], fps: float) -> Iterator[Message]:
        """Yield the messages of these streams in the order of their times, with bounded memory.

        `fps` gives the times of a recording that has none. Raises BadSource.
        """


class Source(Protocol):
    """An open file or folder of another recorder. `format` is the name of its kind for people."""

    @property
    def path(self) -> Path: ...
    @property
    def format(self) -> str: ...

    def recordings(self) -> Sequence[Recording]:
        """Return what is in it, in its own order. Raises BadSource."""

    def close(self) -> None:
        """Close its files."""

    def __enter__(self) -> Source: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close its files."""


@dataclass(slots=True)
class Timeline:
    """Checks the times of one column of a file: finite, in order, and turned into nanoseconds."""

    path: Path
    what: str
    last_ns: int = field(default=-1)

    def add(self, row: int, seconds: float) -> int:
        """Return `seconds` in ns. Raises BadSource, naming the row, if it is not a time or lies before the last one."""
        if not math.isfinite(seconds) or not 0 <= seconds * 1e9 < _LATEST_NS:
            raise BadSource(self.path, f"has the time {seconds} in row {row} of {self.what}: it must be a number of s")
        time_ns = round(seconds * 1e9)
        if time_ns < self.last_ns:
            raise BadSource(
                self.path,
                f"goes back in time in row {row} of {self.what}, from {self.last_ns / 1e9:g} s to {seconds:g} s: "
                "sort its rows, or cut it into two files there",
            )
        self.last_ns = time_ns
        return time_ns


def plain(text: str) -> str:
    """Return the text without what UTF-8 cannot hold, as names in foreign files may have it."""
    return text.encode("utf-8", "replace").decode()


def frame_ns(number: int, fps: float) -> int:
    """Return the time of row `number` at `fps` rows a second, in ns from 0."""
    return round(number * 1e9 / fps)


def describe_array(
    path: str, shape: tuple[int, ...], dtype: np.dtype[Any], count: int, names: Sequence[str] = ()
) -> Stream:
    """Return the stream of an array of messages of this shape and dtype: numbers, or pictures of uint8.

    Arrays of uint8 with three sides are pictures, of uint16 with two sides depth. A stream whose values a take cannot
    hold has a `problem`.
    """
    kind, problem = Kind.NUMBERS, ""
    dtype = dtype.newbyteorder("=")
    if dtype.kind not in "biuf":
        kind, problem = Kind.OTHER, f"it holds {dtype}, neither numbers nor pictures"
    elif dtype == np.uint8 and len(shape) == 3 and shape[2] in (1, 3, 4):
        kind = Kind.PICTURE
    elif dtype == np.uint16 and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)) and min(shape[:2]) > 8:
        kind = Kind.DEPTH
    if kind is Kind.NUMBERS and math.prod(shape) > MOST_VALUES:
        problem = f"{count_of(math.prod(shape), 'value')} in a row are more than {MOST_VALUES:,}"
    if kind in PICTURES and shape[0] * shape[1] > MAX_PIXELS:
        problem = f"{shape[1]:,} x {shape[0]:,} pixels are more than a picture may have"
    if not problem and (not count or not math.prod(shape)):
        problem = "it is empty"
    flat = shape if shape else (1,)
    return Stream(path, kind, flat, str(dtype), count, names=tuple(names), problem=problem)
