"""Bounds on the memory that reading a Parquet file may take, checked in its footer before rows are read.

A column that holds one value a billion times takes a few hundred bytes on disk and gigabytes in memory. Files of real
recordings stay far below these bounds, because each of their rows takes some bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.footer import BadFooter, chunk_sizes
from robotdata.dataset.language import LANGUAGE_COLUMNS
from robotdata.numbers import count

FREE_ROWS = 10_000
"""A file of any size may have this many rows."""
MAX_BYTES = 1 << 30
"""Memory that one read may take, in bytes."""
_FREE_BYTES = 64 << 20
_LANGUAGE_BYTES = 256 << 20
"""Memory that columns of language may take besides, in bytes: each row repeats all subtasks, which costs no disk."""
_MAX_GROWTH = 100
_SLACK = 4
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
_TEXT_COST = 16
_BATCH_ROWS = 65_536
_THREADED_BYTES = 4 << 20
"""Memory that a read takes before its columns are read by several threads, in bytes: for less, waking them costs more
than they save."""


_counted: WeakSet[pq.ParquetFile] = WeakSet()
"""Open files whose row groups claim no more rows than their columns have values: a file is read many times."""


class RowBudget:
    """Counts the rows of all files of one kind.

    `claimed` is their number in `info.json`. `least` is the least number of bytes that a row takes in a file.
    """

    def __init__(self, claimed: object, *, least: int) -> None:
        self._claimed = claimed if type(claimed) is int and claimed > 0 else None
        self._least = least
        self._rows = self._bytes = 0

    def add(self, path: Path, rows: int, size_bytes: int) -> None:
        """Add a file. Raises DamagedFile if there are more rows than the files can hold or `info.json` claims."""
        self._rows += rows
        self._bytes += size_bytes
        if self._rows <= FREE_ROWS:
            return
        if self._rows * self._least > self._bytes:
            raise DamagedFile(path, f"it claims {count(rows, 'row')} in {size_bytes:,} bytes")
        if self._claimed is not None and self._rows > _SLACK * self._claimed:
            raise DamagedFile(path, f"it claims {count(rows, 'row')}, but meta/info.json counts {self._claimed:,}")


def read_bounded(file: pq.ParquetFile, path: Path, names: Sequence[str], groups: Iterable[int]) -> pa.Table:
    """Read columns `names` of the row groups `groups`. Raises DamagedFile before reading if they are too large."""
    groups = list(groups)
    least, texts, values = _Sizes(file, path, set(names)).of(groups)
    size, limit = path.stat().st_size, _limit(path, names)
    if least > limit:
        raise DamagedFile(path, f"its {size:,} bytes expand to {least:,} or more, which exceeds the limit")
    if texts * values <= _FREE_BYTES:
        return file.read_row_groups(groups, columns=list(names), use_threads=least >= _THREADED_BYTES)
    return _in_batches(file, path, names, groups, max(1, min(_BATCH_ROWS, _FREE_BYTES // 8 // max(1, texts))))


def group_batches(file: pq.ParquetFile, path: Path, most: int) -> Iterator[range]:
    """Yield the row groups of a file, as many at once, up to `most`, as take little memory. Raises DamagedFile."""
    begin = taken = 0
    sizes = _Sizes(file, path, set(file.schema_arrow.names)).least_by_group()
    for group, size in enumerate(sizes):
        if group > begin and (group - begin >= most or taken + size > _FREE_BYTES):
            yield range(begin, group)
            begin, taken = group, 0
        taken += size
    if begin < file.num_row_groups:
        yield range(begin, file.num_row_groups)


def least_bytes(file: pq.ParquetFile, path: Path, groups: Iterable[int]) -> int:
    """Return the least memory in bytes that all columns of these row groups take. Raises DamagedFile."""
    return _Sizes(file, path, set(file.schema_arrow.names)).of(list(groups))[0]


def _limit(path: Path, names: Sequence[str]) -> int:
    """Return the memory in bytes that one read of columns `names` may take."""
    more = _LANGUAGE_BYTES if set(LANGUAGE_COLUMNS) & set(names) else 0
    return min(MAX_BYTES, _FREE_BYTES + more + _MAX_GROWTH * path.stat().st_size)


def _in_batches(file: pq.ParquetFile, path: Path, names: Sequence[str], groups: list[int], rows: int) -> pa.Table:
    """Read `rows` rows at a time, because the size of repeated texts is known only while they are read."""
    limit = _limit(path, names)
    batches, total = [], 0
    for batch in file.iter_batches(rows, row_groups=groups, columns=list(names)):
        total += batch.nbytes
        if total > limit:
            raise DamagedFile(path, f"its texts or images expand to more than {limit:,} bytes")
        batches.append(batch)
    if not batches:
        return file.read_row_groups(groups, columns=list(names))
    return pa.Table.from_batches(batches).replace_schema_metadata(file.schema_arrow.metadata)


class _Sizes:
    """The sizes of the columns `names` of a file. Raises DamagedFile if the footer contradicts its schema."""

    def __init__(self, file: pq.ParquetFile, path: Path, names: set[str]) -> None:
        schema = file.metadata.schema
        columns = [(n, schema.column(n)) for n in range(file.metadata.num_columns)]
        selected = [(n, column) for n, column in columns if _is_of(column.path, names)]
        widths = [_width(column) for _, column in selected]
        self._widths = np.array([width for width, _ in widths], np.float64)
        self._texts = np.array([is_text for _, is_text in widths], bool)
        try:
            sizes = chunk_sizes(file)
        except BadFooter as error:
            raise DamagedFile(path, str(error)) from error
        groups = file.metadata.num_row_groups
        if len(sizes.columns) != groups or (sizes.columns != len(columns)).any():
            raise DamagedFile(path, "its footer and its schema differ in the number of columns")
        self._places = np.array([n for n, _ in selected], np.int64)
        self._values = sizes.values.reshape(groups, len(columns))
        self._unpacked = sizes.unpacked_bytes.reshape(groups, len(columns))
        if file not in _counted:
            rows = np.array([file.metadata.row_group(n).num_rows for n in range(groups)], np.int64)
            if (self._values < rows[:, None]).any():  # Arrow reads as many rows as the group claims
                raise DamagedFile(path, "its footer claims more rows than its columns have values")
            _counted.add(file)

    def of(self, groups: Sequence[int]) -> tuple[int, int, int]:
        """Return (least bytes in memory, largest possible text or image in bytes, number of texts and images)."""
        values, unpacked = self._chunks(np.array(groups, np.int64))
        texts = unpacked[:, self._texts]
        return int(self._least(values, unpacked).sum()), int(texts.max(initial=0)), int(values[:, self._texts].sum())

    def least_by_group(self) -> list[int]:
        """Return the least bytes in memory of each row group."""
        every = self._chunks(np.arange(len(self._values)))
        return [int(size) for size in self._least(*every).sum(axis=1)]

    def _chunks(self, groups: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and bytes of the chosen columns of these groups, each (groups, columns).

        As floats: a made-up footer may name numbers whose sums do not fit into 64 bits, and must not wrap around.
        """
        chosen = np.ix_(groups, self._places)
        return self._values[chosen].astype(np.float64), self._unpacked[chosen].astype(np.float64)

    def _least(self, values: NDArray[np.float64], unpacked: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(unpacked, values * self._widths)


def _width(column: pq.ColumnSchema) -> tuple[int, bool]:
    """Return the least bytes of one value in memory, and whether it is a text or an image."""
    kind = column.physical_type
    width = int(column.length or 0) if kind == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS.get(kind, _TEXT_COST)
    return max(1, width), kind == "BYTE_ARRAY"


def _is_of(path: str, names: set[str]) -> bool:
    """Return whether the leaf `path` (`tasks.list.element`) belongs to a column in `names`, which may contain dots."""
    parts = path.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))
