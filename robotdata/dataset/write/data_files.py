"""Choose the Parquet file for each new episode's rows, and copy rows of old files episode by episode."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from robotdata.dataset.bounds import group_batches, least_bytes
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.layout import next_file
from robotdata.dataset.tables import ParquetFile, open_parquet, read_columns, to_numpy

_GROUPS = 64
"""Row groups read at once. Reading them one by one takes longer than reading their rows."""

_MOST_COPIED = 512 << 20
"""Memory that the rows of a file which is continued may take, in bytes."""

PathOf = Callable[[int, int], Path]


class DataWriter:
    """Writes one table per episode to numbered files. A file is below `limit_bytes`, or holds one episode."""

    def __init__(self, schema: pa.Schema, path_of: PathOf, limit_bytes: int, chunks_size: int) -> None:
        self._schema = schema
        self._path_of = path_of
        self._limit = limit_bytes
        self._chunks_size = chunks_size
        self._place: tuple[int, int] | None = None
        self._file: ParquetFile | None = None
        self._stack = ExitStack()

    def continue_file(self, old: Path, chunk: int, file: int, first: pa.Table) -> None:
        """Continue after the last file of the old state. If `first` fits, its rows are copied to the new file.

        A file that cannot be read, or has other columns, is left unchanged, because copying it with this schema would
        lose columns; so is one whose rows take much memory, as they do with many subtasks.
        """
        self._place = (chunk, file)
        if not old.is_file() or old.stat().st_size + first.nbytes >= self._limit:
            return
        try:
            with open_parquet(old) as old_file:
                if set(old_file.schema_arrow.names) != set(self._schema.names):
                    return
                if least_bytes(old_file, old, range(old_file.num_row_groups)) > _MOST_COPIED:
                    return
            tables = [table.select(self._schema.names).cast(self._schema) for table in episode_tables(old)]
        except (DamagedFile, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, KeyError, ValueError):
            return
        self._open(chunk, file)
        for table in tables:
            self._write(table)

    def add(self, table: pa.Table) -> tuple[int, int]:
        """Write one episode. Return its (chunk, file)."""
        if self._place is None:
            self._open(0, 0)
        elif self._file is None or self._file.size_bytes + table.nbytes >= self._limit:
            self._open(*next_file(*self._place, self._chunks_size))
        self._write(table)
        return self._place or (0, 0)

    def __enter__(self) -> DataWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def _open(self, chunk: int, file: int) -> None:
        self._stack.close()
        self._file = self._stack.enter_context(ParquetFile(self._path_of(chunk, file), self._schema))
        self._place = (chunk, file)

    def _write(self, table: pa.Table) -> None:
        if self._file is not None:
            self._file.write(table)


def episode_tables(path: Path) -> Iterator[pa.Table]:
    """Yield the rows of a data file, one table per run of rows with the same episode_index. Raises DamagedFile."""
    with open_parquet(path) as file:
        for table, runs in episode_runs(file, path):
            for _, begin, end in runs:
                yield table.slice(begin, end - begin)


def episode_runs(file: pq.ParquetFile, path: Path) -> Iterator[tuple[pa.Table, list[tuple[int, int, int]]]]:
    """Yield the rows of an open data file, many episodes at a time, and (episode_index, begin, end) of each run.

    A run is whole, whatever the row groups of the file are. Raises DamagedFile.
    """
    rest: pa.Table | None = None  # the last run, which may continue
    for groups in group_batches(file, path, _GROUPS):
        table = read_columns(file, path, None, groups)
        table = table if rest is None else pa.concat_tables([rest, table])
        runs = _runs(table)
        if not runs:
            continue
        last = runs.pop()[1]
        rest = table.slice(last)
        if runs:
            yield table.slice(0, last), runs
    if rest is not None:
        yield rest, _runs(rest)


def _runs(table: pa.Table) -> list[tuple[int, int, int]]:
    numbers = to_numpy(table.column("episode_index"))
    cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), table.num_rows]
    return [(int(numbers[begin]), begin, end) for begin, end in itertools.pairwise(cuts) if end > begin]
