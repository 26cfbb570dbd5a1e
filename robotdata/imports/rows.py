"""Recordings that are tables: row n of every column belongs together, as in HDF5 files, zarr arrays and CSV files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.imports.errors import BadSource
from robotdata.imports.plan import MOST_ROWS
from robotdata.imports.streams import Kind, Message, Stream, Timeline, frame_ns
from robotdata.video.jpeg import jpeg_shape
from robotdata.video.jpeg_parts import ImageError
from robotdata.video.png import MAGIC, decode_png

BLOCK_BYTES = 32 << 20
"""The most of one column that is in memory at once, unless a compressed piece of the file is larger."""
_TIMES = ("timestamp", "timestamps", "time", "times", "t")
_LEAST_MS = 1e11
_UNITS_NS = ((1e17, 1), (1e14, 1_000), (_LEAST_MS, 1_000_000))
"""From which number on times are since 1970 in a unit, and the ns of that unit."""
_LONGEST_STEP_NS = 2e9


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its stream, and `values`, which returns its values from row 0 on."""

    stream: Stream
    values: Callable[[], Iterator[Any]]


class RowsRecording:
    """A recording of columns. `times_ns` are those of the rows, (rows,), or None if the rows have none."""

    def __init__(
        self,
        name: str,
        columns: Sequence[Column],
        *,
        fps: float = 0.0,
        times_ns: NDArray[np.int64] | None = None,
        task: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.fps, self.task, self.notes = name, fps, task, list(notes)
        self.timed = times_ns is not None
        self.skipped: dict[str, int] = {}
        self._times = times_ns
        self._columns = {column.stream.path: column for column in columns}
        self.streams = [self._with_times(column.stream) for column in columns]

    def messages(self, paths: Collection[str], fps: float) -> Iterator[Message]:
        """Yield row after row the values of these columns."""
        columns = [self._columns[path] for path in paths if path in self._columns]
        values = [(column.stream, column.values()) for column in columns]
        for row in range(max((stream.count for stream, _ in values), default=0)):
            time_ns = frame_ns(row, fps) if self._times is None else int(self._times[row])
            for stream, each in values:
                if row < stream.count:
                    yield Message(stream.path, time_ns, next(each))

    def _with_times(self, stream: Stream) -> Stream:
        if not stream.count:
            return stream
        last = stream.count - 1
        if self._times is not None:
            return replace(stream, first_ns=int(self._times[0]), last_ns=int(self._times[last]))
        return replace(stream, last_ns=frame_ns(last, self.fps)) if self.fps else stream


def times_column(columns: Mapping[str, Stream]) -> str | None:
    """Return the path of the column that holds the times of all rows; None if there is none."""
    rows = max((stream.count for stream in columns.values() if not stream.problem), default=0)
    for path, stream in columns.items():
        single = stream.kind is Kind.NUMBERS and stream.shape == (1,) and not stream.problem
        if single and stream.count == rows and stream.name.lower() in _TIMES and np.dtype(stream.dtype).kind in "fiu":
            return path
    return None


def read_times(path: Path, what: str, values: Iterator[Any]) -> NDArray[np.int64]:
    """Return the times in ns. Numbers are seconds, or as large as ms, µs or ns since 1970, which they are then.

    Raises BadSource for a time that is not finite or goes back.
    """
    numbers: list[int | float] = []
    for value in values:
        if len(numbers) >= MOST_ROWS:
            raise BadSource(path, f"has more than {MOST_ROWS:,} rows: cut it into several files")
        numbers.append(np.asarray(value).reshape(-1)[0].item())
    line, times, unit = Timeline(path, what), [], _unit_ns(numbers)
    for row, number in enumerate(numbers):
        time_ns = line.add(row, number if unit == 10**9 else number * unit / 1e9)
        times.append(number * unit if isinstance(number, int) else time_ns)
    return np.array(times, np.int64)


def _unit_ns(numbers: Sequence[float]) -> int:
    """Return of how many ns these times are: only seconds since 1970 are below 1e11, and only ms below 1e14."""
    last = numbers[-1] if numbers else 0
    unit = next((unit for least, unit in _UNITS_NS if last >= least), 10**9)
    step = (last - numbers[0]) / (len(numbers) - 1) if len(numbers) > 1 else 0
    # The ns since a computer was started are as large as the ms or µs since 1970, but lie much further apart.
    return 1 if last >= _LEAST_MS and step * unit > _LONGEST_STEP_NS else unit


def compressed_stream(path: str, data: bytes, count: int) -> Stream | None:
    """Return the stream of compressed pictures that begin with `data`; None if `data` is not a JPEG or PNG."""
    if data.startswith(b"\xff\xd8\xff"):
        kind = "jpeg"
    elif data.startswith(MAGIC):
        kind = "png"
    else:
        return None
    try:
        if kind == "jpeg":
            width, height, _ = jpeg_shape(data)
            return Stream(path, Kind.COMPRESSED, (height, width, 3), kind, count)
        rgb = decode_png(data)
        return Stream(path, Kind.COMPRESSED, (rgb.shape[0], rgb.shape[1], 3), kind, count)
    except ImageError as error:
        return Stream(path, Kind.COMPRESSED, (), kind, count, problem=f"its first picture is bad: {error}")
