"""Read replay buffers of diffusion policy and UMI: zarr stores with `data/*` and `meta/episode_ends`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.imports.errors import BadSource
from robotdata.imports.rows import Column, RowsRecording, read_times, times_column
from robotdata.imports.streams import MOST_RECORDINGS, Kind, Stream, describe_array, plain
from robotdata.imports.zarr_store import DESCRIPTIONS, Array, Store, open_array
from robotdata.numbers import count

_ENDS = "meta/episode_ends"
_MOST_ROWS = 20_000_000
_MOST_COLUMNS = 500_000
_MOST_TIME_PIECES = 100_000


class ZarrSource:
    """An open replay buffer. Raises BadSource if its zip file cannot be read."""

    format = "zarr"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = Store(path)
        self._held: dict[str, NDArray[Any]] = {}

    def recordings(self) -> Sequence[RowsRecording]:
        """Return one recording for each episode. Raises BadSource."""
        arrays = [open_array(self._store, f"data/{name}") for name in self._store.arrays("data")]
        if not arrays:
            raise BadSource(
                self.path, "has no arrays in its group `data`: it is not a replay buffer of diffusion policy"
            )
        ends = self._ends(max((array.shape[0] for array in arrays if not array.problem), default=0))
        if len(ends) * len(arrays) > _MOST_COLUMNS:
            raise BadSource(
                self.path, f"has {count(len(ends), 'episode')} of {len(arrays):,} arrays: cut it into several"
            )
        starts = [0, *ends[:-1]]
        numbers = enumerate(zip(starts, ends, strict=True))
        return [self._recording(f"episode_{number}", arrays, *span) for number, span in numbers]

    def close(self) -> None:
        """Close its zip file."""
        self._store.close()

    def __enter__(self) -> ZarrSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ends(self, rows: int) -> list[int]:
        """Return the row after the last of each episode; one episode of all rows if the store does not say."""
        array = open_array(self._store, _ENDS)
        if all(self._store.read(f"{_ENDS}/{name}", 1 << 22) is None for name in DESCRIPTIONS):
            return [self._limited(rows)]
        if array.problem or len(array.shape) != 1 or array.dtype.kind not in "iu":
            raise BadSource(
                self.path, f"has an invalid {_ENDS}: {array.problem or 'it is not a list of whole numbers'}"
            )
        if array.shape[0] > MOST_RECORDINGS:
            raise BadSource(self.path, f"has {count(array.shape[0], 'episode')}, more than {MOST_RECORDINGS:,}")
        ends = [int(end) for end in array.rows(0, array.shape[0])]
        if any(end < start for start, end in zip([0, *ends], ends, strict=False)) or (ends and ends[-1] > rows):
            raise BadSource(self.path, f"has episodes in {_ENDS} that go back or lie beyond its {count(rows, 'row')}")
        self._limited(ends[-1] if ends else 0)
        return ends

    def _limited(self, rows: int) -> int:
        # Pieces need not exist, so that a store of a few bytes may claim any number of rows.
        if rows > _MOST_ROWS:
            raise BadSource(self.path, f"has {count(rows, 'row')}, more than {_MOST_ROWS:,}: cut it into several")
        return rows

    def _recording(self, name: str, arrays: Sequence[Array], start: int, end: int) -> RowsRecording:
        columns = {plain(f"/{array.name}"): _column(array, start, end) for array in arrays}
        times_path = times_column({path: column.stream for path, column in columns.items()})
        times = None
        if times_path is not None and end > start:
            columns.pop(times_path)
            array = next(each for each in arrays if plain(f"/{each.name}") == times_path)
            times = self._times(name, array, start, min(end, array.shape[0]))
        return RowsRecording(name, list(columns.values()), times_ns=times)

    def _times(self, name: str, array: Array, start: int, end: int) -> NDArray[np.int64]:
        if array.shape[0] > array.chunks[0] * _MOST_TIME_PIECES:
            raise BadSource(self.path, f"has its times in more than {_MOST_TIME_PIECES:,} pieces: use larger ones")
        return read_times(self.path, f"/{array.name} of {name}", array.rows(start, end, self._held))


def _column(array: Array, start: int, end: int) -> Column:
    path = plain(f"/{array.name}")
    if array.problem:
        return Column(Stream(path, Kind.OTHER, (), "", 0, problem=array.problem), lambda: iter(()))
    last = min(end, array.shape[0])
    stream = describe_array(path, array.shape[1:], array.dtype, max(0, last - start))
    if _is_float_picture(array):
        stream = replace(
            stream, kind=Kind.PICTURE, shape=array.shape[1:], problem="" if stream.count else "it is empty"
        )
    return Column(stream, partial(_rows, array, start, last))


def _rows(array: Array, start: int, end: int) -> Iterator[Any]:
    return array.rows(start, end)


def _is_float_picture(array: Array) -> bool:
    """Return whether its rows are pictures of floats of 0 to 255, as diffusion policy stores simulated ones."""
    return len(array.shape) == 4 and array.shape[3] == 3 and array.dtype.kind == "f" and min(array.shape[1:3]) >= 32
