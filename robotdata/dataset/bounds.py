"""Bounds on the memory that reading a Parquet file may take, checked in its footer before rows are read.

A column that holds one value a billion times takes a few hundred bytes on disk and gigabytes in memory. Files of real
recordings stay far below these bounds, because each of their rows takes some bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.footer import BadFooter, chunk_sizes

FREE_ROWS = 10_000
"""A file of any size may have this many rows."""
MAX_BYTES = 1 << 30
"""Memory that one read may take, in bytes."""
_FREE_BYTES = 64 << 20
_MAX_GROWTH = 100
_SLACK = 4
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
_TEXT_COST = 16
_BATCH_ROWS = 65_536


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
            raise DamagedFile(path, f"it claims {rows:,} rows in {size_bytes:,} bytes")
        if self._claimed is not None and self._rows > _SLACK * self._claimed:
            raise DamagedFile(path, f"it claims {rows:,} rows, but meta/info.json counts {self._claimed:,}")


def read_bounded(file: pq.ParquetFile, path: Path, names: Sequence[str], groups: Iterable[int]) -> pa.Table:
    """Read columns `names` of the row groups `groups`. Raises DamagedFile before reading if they are too large."""
    groups = list(groups)
    least, texts, values = _sizes(file, path, set(names), groups)
    size = path.stat().st_size
    if least > MAX_BYTES or least > _FREE_BYTES + _MAX_GROWTH * size:
        raise DamagedFile(path, f"its {size:,} bytes expand to {least:,} or more, which exceeds the limit")
    if texts * values <= _FREE_BYTES:
        return file.read_row_groups(groups, columns=list(names))
    return _in_batches(file, path, names, groups, max(1, min(_BATCH_ROWS, _FREE_BYTES // 8 // max(1, texts))))


def _in_batches(file: pq.ParquetFile, path: Path, names: Sequence[str], groups: list[int], rows: int) -> pa.Table:
    """Read `rows` rows at a time, because the size of repeated texts is known only while they are read."""
    limit = min(MAX_BYTES, _FREE_BYTES + _MAX_GROWTH * path.stat().st_size)
    batches, total = [], 0
    for batch in file.iter_batches(rows, row_groups=groups, columns=list(names)):
        total += batch.nbytes
        if total > limit:
            raise DamagedFile(path, f"its texts or images expand to more than {limit:,} bytes")
        batches.append(batch)
    if not batches:
        return file.read_row_groups(groups, columns=list(names))
    return pa.Table.from_batches(batches).replace_schema_metadata(file.schema_arrow.metadata)


def _sizes(file: pq.ParquetFile, path: Path, names: set[str], groups: list[int]) -> tuple[int, int, int]:
    """Return (least bytes in memory, largest possible text or image in bytes, number of texts and images).

    Raises DamagedFile if the footer contradicts its schema.
    """
    schema = file.metadata.schema
    columns = [(n, schema.column(n)) for n in range(file.metadata.num_columns)]
    selected = [(n, column) for n, column in columns if _is_of(column.path, names)]
    try:
        sizes = chunk_sizes(file)
    except BadFooter as error:
        raise DamagedFile(path, str(error)) from error
    if len(sizes) != file.metadata.num_row_groups or any(len(group) != len(columns) for group in sizes):
        raise DamagedFile(path, "its footer and its schema differ in the number of columns")
    least = longest = values = 0
    for number in groups:
        for position, column in selected:
            chunk, kind = sizes[number][position], column.physical_type
            width = int(column.length or 0) if kind == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS.get(kind, _TEXT_COST)
            least += max(chunk.unpacked_bytes, chunk.values * max(1, width))
            if kind == "BYTE_ARRAY":
                longest = max(longest, chunk.unpacked_bytes)
                values += chunk.values
    return least, longest, values


def _is_of(path: str, names: set[str]) -> bool:
    """Return whether the leaf `path` (`tasks.list.element`) belongs to a column in `names`, which may contain dots."""
    parts = path.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))
