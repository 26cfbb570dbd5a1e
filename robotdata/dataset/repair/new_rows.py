"""Write a data file with its default columns put right; every other column is copied as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.convert.old_rows import RECORDED_TIME
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.repair.rows import EpisodeRows, right_columns
from robotdata.dataset.tables import ParquetFile, open_parquet, read_columns
from robotdata.files.plain_json import read_json

_HUGGINGFACE = b"huggingface"


def write_file(
    path: Path,
    target: Path,
    episodes: Sequence[EpisodeRows],
    tasks: Sequence[NDArray[np.int64] | None],
    fps: float,
    *,
    keep_times: bool,
) -> None:
    """Copy the data file `path` to `target`, one row group for each of its `episodes`.

    `tasks` are the new task numbers by episode. With `keep_times` the stored timestamps become a column. Raises
    DamagedFile, and pyarrow's errors for columns that cannot have their type.
    """
    with open_parquet(path) as file:
        table = read_columns(file, path, None)
    parts = []
    for rows in episodes:
        columns: dict[str, Any] = dict(right_columns(rows, fps, tasks[rows.number]))
        if keep_times and rows.stamps is not None:
            columns[RECORDED_TIME] = rows.stamps
        parts.append(_with_columns(table.slice(rows.begin, rows.length), columns))
    schema = parts[0].schema.with_metadata(_described(table.schema.metadata, parts[0].column_names, keep_times))
    with ParquetFile(target, schema) as output:
        for part in parts:
            output.write(part.cast(schema))


def _with_columns(table: pa.Table, columns: Mapping[str, NDArray[Any]]) -> pa.Table:
    """Return `table` with these columns set; those that it does not have come last."""
    for name, values in columns.items():
        kind = pa.from_numpy_dtype(np.dtype(DEFAULT_FEATURES.get(name, {"dtype": "float64"})["dtype"]))
        field = pa.field(name, kind)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), field, pa.array(values, kind))
        else:
            table = table.append_column(field, pa.array(values, kind))
    return table


def _described(metadata: Mapping[bytes, bytes] | None, names: Sequence[str], keep_times: bool) -> dict[bytes, bytes]:
    """Return the file's metadata with the columns that this repair sets described for the `datasets` library."""
    result = dict(metadata or {})
    try:
        described = read_json(result.get(_HUGGINGFACE, b""))
        features = described["info"]["features"]
        own = [*DEFAULT_FEATURES, *([RECORDED_TIME] if keep_times else [])]
        for name in (name for name in own if name in names):
            dtype = DEFAULT_FEATURES.get(name, {"dtype": "float64"})["dtype"]
            features[name] = {"dtype": dtype, "_type": "Value"}
    except (KeyError, TypeError, ValueError):
        result.pop(_HUGGINGFACE, None)  # it would contradict the columns; the library then goes by their types
        return result
    result[_HUGGINGFACE] = json.dumps(described).encode()
    return result
