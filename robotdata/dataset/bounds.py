"""Bounds on the memory that reading a Parquet file may take, checked in its footer before rows are read.

A column that holds one value a billion times takes a few hundred bytes on disk and gigabytes in memory. Files of real
recordings stay far below these bounds, because each of their rows takes some bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.footer import BadFooter, ChunkSizes, chunk_sizes, source_of
from robotdata.dataset.language import LANGUAGE_COLUMNS
from robotdata.dataset.pages import Column, PageReader
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
_LEVEL_COST = 8
"""Memory that a value in a list takes besides, in bytes: its levels, and where a list begins."""
_PLAIN_CODECS = (0, 1)
"""Codecs of which no page grows beyond `_MAX_GROWTH`: none, and snappy."""
_BATCH_ROWS = 65_536
_THREADED_BYTES = 4 << 20
"""Memory that a read takes before its columns are read by several threads, in bytes: for less, waking them costs more
than they save."""


_looked_at: WeakKeyDictionary[pq.ParquetFile, NDArray[np.int64]] = WeakKeyDictionary()
"""For each open file what the pages of its columns claim, in bytes when decompressed, int64 (groups, columns); -1 where
they were not counted yet. A file is read many times. It is here once its rows are known to fit its values."""


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
    sizes = _Sizes(file, path, set(names))
    limit = _limit(path, names)
    if sizes.of(groups)[0] <= limit:  # otherwise its pages need no look
        sizes.count_pages(groups, limit)
    least, texts, values = sizes.of(groups)
    if least > limit:
        size = path.stat().st_size
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
    if (size := _text_bytes(file, names, groups)) > limit:
        raise DamagedFile(path, f"its texts expand to {size:,} bytes, which exceeds the limit")
    batches, total = [], 0
    for batch in file.iter_batches(rows, row_groups=groups, columns=list(names)):
        total += batch.nbytes
        if total > limit:
            raise DamagedFile(path, f"its texts or images expand to more than {limit:,} bytes")
        batches.append(batch)
    if not batches:
        return file.read_row_groups(groups, columns=list(names))
    return pa.Table.from_batches(batches).replace_schema_metadata(file.schema_arrow.metadata)


def _text_bytes(file: pq.ParquetFile, names: Sequence[str], groups: Sequence[int]) -> int:
    """Return the bytes of all texts in lists, of which one row may repeat a long one many times.

    Arrow reads them as numbers of the texts in a dictionary, so that a text that is repeated is in memory once.
    """
    schema = file.metadata.schema
    columns = [schema.column(n) for n in range(file.metadata.num_columns)]
    paths = [c.path for c in columns if _is_of(c.path, set(names)) and _is_repeated(c) and _width(c)[1]]
    if not paths:
        return 0
    coded = pq.ParquetFile(source_of(file), read_dictionary=paths, page_checksum_verification=True)
    total = 0
    for group in groups:
        for path in paths:
            for chunk in coded.read_row_group(group, columns=[path]).columns[0].chunks:
                total += _length(chunk)
    return total


def _length(array: Any) -> int:
    """Return the bytes of the texts of an array, which are leaves of lists and structs."""
    while not pa.types.is_dictionary(array.type):
        if pa.types.is_struct(array.type):
            return sum(_length(each) for each in array.flatten())
        if pa.types.is_map(array.type):
            return _length(array.keys) + _length(array.items)
        if not pa.types.is_nested(array.type):
            return 0 if pa.types.is_primitive(array.type) else int(array.nbytes)
        array = array.flatten()
    lengths: Any = pc.binary_length(array.dictionary)
    sizes = lengths.fill_null(0).to_numpy(zero_copy_only=False)
    numbers = array.indices.drop_null().to_numpy(zero_copy_only=False)
    return int(np.bincount(numbers, minlength=len(sizes)) @ sizes.astype(np.int64)) if len(sizes) else 0


class _Sizes:
    """The sizes of the columns `names` of a file. Raises DamagedFile if the footer contradicts its schema."""

    def __init__(self, file: pq.ParquetFile, path: Path, names: set[str]) -> None:
        self._file, self._path = file, path
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
        self._columns = [column for _, column in selected]
        self._places = np.array([n for n, _ in selected], np.int64)
        self._values = sizes.values.reshape(groups, len(columns))
        self._unpacked = sizes.unpacked_bytes.reshape(groups, len(columns))
        self._sizes = sizes
        if file not in _looked_at:
            rows = np.array([file.metadata.row_group(n).num_rows for n in range(groups)], np.int64)
            if (self._values < rows[:, None]).any():  # Arrow reads as many rows as the group claims
                raise DamagedFile(path, "its footer claims more rows than its columns have values")
            _looked_at[file] = np.full(self._unpacked.shape, -1, np.int64)
        self._claimed = _looked_at[file]

    def count_pages(self, groups: Sequence[int], most: int) -> None:
        """Count what the pages claim, of these groups and the columns that Arrow would believe.

        Arrow reads as many values of a flat column as there are rows, however many a page claims; so only columns of
        lists, texts and images need a look, and columns that are compressed well. Raises DamagedFile.
        """
        sizes: ChunkSizes = self._sizes
        count = self._claimed.shape[1]
        chosen = np.ix_(np.array(groups, np.int64), self._places)
        believed = self._texts | np.array([_is_repeated(column) for column in self._columns], bool)
        codecs = sizes.codecs.reshape(-1, count)[chosen]
        wanted = (self._claimed[chosen] < 0) & (believed | ~np.isin(codecs, _PLAIN_CODECS))
        reader = PageReader(source_of(self._file))
        levels = [(column.max_repetition_level, column.max_definition_level) for column in self._columns]
        texts, places = self._texts.tolist(), self._places.tolist()
        for row, n in np.argwhere(wanted).tolist():
            chunk = groups[row] * count + places[n]
            begin, packed, of_values = (int(each[chunk]) for each in (sizes.begins, sizes.packed_bytes, sizes.values))
            column = Column(begin, packed, of_values, int(sizes.codecs[chunk]), texts[n], levels[n])
            try:
                claimed = reader.unpacked_bytes(column, most)
            except BadFooter as error:
                raise DamagedFile(self._path, f"column {self._columns[n].path}: {error}") from error
            self._claimed[groups[row], places[n]] = claimed

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
        unpacked = np.maximum(self._unpacked[chosen], self._claimed[chosen])
        return self._values[chosen].astype(np.float64), unpacked.astype(np.float64)

    def _least(self, values: NDArray[np.float64], unpacked: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(unpacked, values * self._widths)


def _width(column: pq.ColumnSchema) -> tuple[int, bool]:
    """Return the least bytes of one value in memory, and whether it is a text or an image."""
    kind = column.physical_type
    width = int(column.length or 0) if kind == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS.get(kind, _TEXT_COST)
    return max(1, width) + _LEVEL_COST * _is_repeated(column), kind == "BYTE_ARRAY"


def _is_repeated(column: pq.ColumnSchema) -> bool:
    """Return whether a row may hold several values of the column."""
    return bool(column.max_repetition_level)


def _is_of(path: str, names: set[str]) -> bool:
    """Return whether the leaf `path` (`tasks.list.element`) belongs to a column in `names`, which may contain dots."""
    parts = path.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))
