"""How much a Parquet file may unfold to: looked up in its footer before a row of it is read.

A column that holds one value a billion times takes a few hundred bytes on disk and gigabytes in memory. What honest
files need is far below these bounds: their rows differ, so each takes some bytes of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.footer import BadFooter, chunk_sizes

FREE_ROWS = 10_000
"""So many rows may come from a file of any size: they cost little."""
MAX_BYTES = 1 << 30
"""What one reading may take in memory."""
_FREE_BYTES = 64 << 20
_MOST_GROWTH = 100
_SLACK = 4
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
_TEXT_COST = 16
_BATCH_ROWS = 65_536


class RowBudget:
    """Counts the rows of all files of one kind; `least` is what a row takes of a file at the very least, in bytes."""

    def __init__(self, claimed: object, *, least: int) -> None:
        self._claimed = claimed if type(claimed) is int and claimed > 0 else None
        self._least = least
        self._rows = self._bytes = 0

    def add(self, path: Path, rows: int, size_bytes: int) -> None:
        """Raise DamagedFile if the rows so far are more than the files can hold or `info.json` counts."""
        self._rows += rows
        self._bytes += size_bytes
        if self._rows <= FREE_ROWS:
            return
        if self._rows * self._least > self._bytes:
            raise DamagedFile(path, f"it claims {rows:,} rows in {size_bytes:,} bytes")
        if self._claimed is not None and self._rows > _SLACK * self._claimed:
            raise DamagedFile(path, f"it claims {rows:,} rows, but meta/info.json counts {self._claimed:,}")


def read_bounded(file: pq.ParquetFile, path: Path, names: Sequence[str], groups: Iterable[int]) -> pa.Table:
    """Read `names` of the row groups `groups`. Raises DamagedFile, before they are read, where they are too large."""
    groups = list(groups)
    least, texts, values = _sizes(file, path, set(names), groups)
    size = path.stat().st_size
    if least > MAX_BYTES or least > _FREE_BYTES + _MOST_GROWTH * size:
        raise DamagedFile(path, f"its {size:,} bytes expand to {least:,} or more, which exceeds the limit")
    if texts * values <= _FREE_BYTES:
        return file.read_row_groups(groups, columns=list(names))
    return _in_batches(file, path, names, groups, max(1, min(_BATCH_ROWS, _FREE_BYTES // 8 // max(1, texts))))


def _in_batches(file: pq.ParquetFile, path: Path, names: Sequence[str], groups: list[int], rows: int) -> pa.Table:
    """Read `rows` at a time: a text may be there a million times, and how large that is shows only while it is read."""
    most = min(MAX_BYTES, _FREE_BYTES + _MOST_GROWTH * path.stat().st_size)
    batches, total = [], 0
    for batch in file.iter_batches(rows, row_groups=groups, columns=list(names)):
        total += batch.nbytes
        if total > most:
            raise DamagedFile(path, f"its texts or images expand to more than {most:,} bytes")
        batches.append(batch)
    if not batches:
        return file.read_row_groups(groups, columns=list(names))
    return pa.Table.from_batches(batches).replace_schema_metadata(file.schema_arrow.metadata)


def _sizes(file: pq.ParquetFile, path: Path, names: set[str], groups: list[int]) -> tuple[int, int, int]:
    """Return (least bytes in memory, largest text or picture possible in bytes, how many of them).

    Raises DamagedFile if the footer says something else than its schema.
    """
    schema = file.metadata.schema
    columns = [(n, schema.column(n)) for n in range(file.metadata.num_columns)]
    wanted = [(n, column) for n, column in columns if _is_of(column.path, names)]
    try:
        sizes = chunk_sizes(file)
    except BadFooter as error:
        raise DamagedFile(path, str(error)) from error
    if len(sizes) != file.metadata.num_row_groups or any(len(group) != len(columns) for group in sizes):
        raise DamagedFile(path, "its footer and its schema differ in the number of columns")
    least = longest = values = 0
    for number in groups:
        for place, column in wanted:
            chunk, kind = sizes[number][place], column.physical_type
            width = int(column.length or 0) if kind == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS.get(kind, _TEXT_COST)
            least += max(chunk.unpacked_bytes, chunk.values * max(1, width))
            if kind == "BYTE_ARRAY":
                longest = max(longest, chunk.unpacked_bytes)
                values += chunk.values
    return least, longest, values


def _is_of(path: str, names: set[str]) -> bool:
    """Whether a leaf, `tasks.list.element`, is of one of the columns `names`, which may hold dots themselves."""
    parts = path.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))
