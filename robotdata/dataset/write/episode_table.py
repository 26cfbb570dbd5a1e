"""The table of episodes with its statistics columns: new rows, rows of an old state, aggregation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset import stats
from robotdata.dataset.features import NUMERIC_DTYPES, TEXT_DTYPES, Feature, Features, is_camera, video_keys
from robotdata.dataset.grid import off_grid
from robotdata.dataset.layout import EPISODES_GLOB
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import ParquetFile, read_table, to_numpy

_GROUP = 1000
_META = ("meta/episodes/chunk_index", "meta/episodes/file_index")
_DOUBLES: Any = pa.list_(pa.field("element", pa.float64()))
_COUNTS: Any = pa.list_(pa.field("element", pa.int64()))
_PLANES: Any = pa.list_(pa.field("element", pa.list_(pa.field("element", _DOUBLES))))


def with_stats(features: Features) -> list[str]:
    """Return the features that have statistics: all but text."""
    return [key for key, feature in features.items() if feature["dtype"] not in TEXT_DTYPES]


def episode_schema(features: Features) -> pa.Schema:
    """Return the columns of `meta/episodes` in LeRobot's order."""
    fields: list[Any] = [
        ("episode_index", pa.int64()),
        ("tasks", pa.list_(pa.field("element", pa.string()))),
        ("length", pa.int64()),
    ]
    fields += [
        (name, pa.int64()) for name in ("data/chunk_index", "data/file_index", "dataset_from_index", "dataset_to_index")
    ]
    for key in video_keys(features):
        fields += [(f"videos/{key}/{part}", pa.int64()) for part in ("chunk_index", "file_index")]
        fields += [(f"videos/{key}/{part}", pa.float64()) for part in ("from_timestamp", "to_timestamp")]
    for key in with_stats(features):
        kind = _PLANES if is_camera(features[key]) else _DOUBLES
        fields += [(f"stats/{key}/{name}", _COUNTS if name == "count" else kind) for name in stats.NAMES]
    return pa.schema([*fields, *((name, pa.int64()) for name in _META)])


def old_table(dataset: DatasetFolder, schema: pa.Schema) -> pa.Table:
    """Return all episode rows of `dataset` in `schema`; unknown columns are kept at the end."""
    tables = [read_table(path, root=dataset.root) for path in sorted(dataset.root.glob(EPISODES_GLOB))]
    parts = [in_schema(table, schema) for table in tables]
    return pa.concat_tables(parts, promote_options="default").replace_schema_metadata(None)


def new_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return the rows of new episodes; missing columns are null."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def stats_columns(found: Mapping[str, stats.Stat]) -> dict[str, Any]:
    """Return the `stats/<feature>/<name>` columns of one episode."""
    return {f"stats/{key}/{name}": value for key, stat in found.items() for name, value in stats.to_json(stat).items()}


def write_episodes(path: Path, table: pa.Table) -> None:
    """Write one file with all episodes, at chunk 0, file 0."""
    zeros = pa.array(np.zeros(table.num_rows, np.int64))
    for name in _META:
        table = table.set_column(table.column_names.index(name), pa.field(name, pa.int64()), zeros)
    with ParquetFile(path, table.schema) as file:
        for begin in range(0, max(1, table.num_rows), _GROUP):
            file.write(table.slice(begin, _GROUP))


def aggregate(table: pa.Table, features: Features, known: Mapping[str, Any], known_rows: int) -> dict[str, Any]:
    """Return `stats.json` over all rows of `table`.

    If some of the first `known_rows` rows have no statistics of a feature, `known` (their stats.json) is used for them.
    """
    result = {}
    for key in with_stats(features):
        try:
            stat = _aggregate_feature(table, key, is_camera(features[key]), known.get(key), known_rows)
        except (TypeError, ValueError):  # its statistics have different lengths, or are not numbers
            stat = None
        if stat is not None:
            result[key] = stats.to_json(stat)
    return result


def missing_numeric(table: pa.Table, features: Features) -> bool:
    """Return whether some row lacks a statistic of a numeric feature."""
    names = [
        f"stats/{key}/{name}"
        for key in with_stats(features)
        if features[key]["dtype"] in NUMERIC_DTYPES
        for name in stats.NAMES
    ]
    return any(table.column(name).null_count for name in names)


def numeric_columns(dataset: DatasetFolder, features: Features, episodes: Iterable[int]) -> dict[str, list[Any]]:
    """Return statistics of all numeric features, recomputed from the rows, as columns over `episodes`.

    The value is None if an episode's rows of a feature are not numbers, or have different lengths.
    """
    keys = [key for key in with_stats(features) if features[key]["dtype"] in NUMERIC_DTYPES]
    columns: dict[str, list[Any]] = {f"stats/{key}/{name}": [] for key in keys for name in stats.NAMES}
    for index in episodes:
        rows = dataset.rows(index)
        if {"frame_index", "timestamp"} <= rows.keys():
            rows["timestamp"] = exact_time(dataset.fps, rows)
        stats_of_episode = {key: feature_stats(features[key], rows[key]) for key in keys if key in rows}
        row = stats_columns({key: stat for key, stat in stats_of_episode.items() if stat is not None})
        for name, values in columns.items():
            values.append(row.get(name))
    return columns


def feature_stats(feature: Feature, values: NDArray[Any]) -> stats.Stat | None:
    """Return the statistics of a numeric feature over `values`, (n, ...), by LeRobot's rule for its shape.

    None if rows have different lengths, or hold something else than numbers.
    """
    return stats.numeric_stats(values, feature["shape"]) if values.dtype.kind in "iufb" else None


def exact_time(fps: float, rows: Mapping[str, Any]) -> Any:
    """Return timestamps as float64 computed from the row numbers, as LeRobot's statistics use them, if they agree."""
    exact = np.asarray(rows["frame_index"], np.float64) / fps
    return rows["timestamp"] if bool(off_grid(rows["timestamp"], exact).any()) else exact


def with_columns(table: pa.Table, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Return `table` with columns replaced."""
    names, schema = table.column_names, table.schema
    arrays: list[Any] = list(table.columns)
    for name, values in columns.items():
        at = names.index(name)
        arrays[at] = pa.array(list(values), schema.field(at).type)
    return pa.Table.from_arrays(arrays, schema=schema)


def with_values(
    table: pa.Table, values_by_row: Mapping[int, Mapping[str, Any]], *, fill_missing: bool = False
) -> pa.Table:
    """Return `table` with single values replaced: `values_by_row[row][column]`.

    A missing value stays missing, unless `fill_missing`.
    """
    for name in dict.fromkeys(name for values in values_by_row.values() for name in values):
        rows = [row for row, values in values_by_row.items() if name in values]
        given = pa.array([values_by_row[row][name] for row in rows], table.schema.field(name).type)
        table = with_rows(table, name, rows, given, fill_missing=fill_missing)
    return table


def with_rows(table: pa.Table, name: str, rows: Sequence[int], values: Any, *, fill_missing: bool = False) -> pa.Table:
    """Return `table` with `values`, an Arrow array, in these rows of one column.

    A missing value stays missing, unless `fill_missing`. No other value becomes a Python object: a table of thousands
    of episodes has a million.
    """
    at = table.column_names.index(name)
    field, column = table.schema.field(at), table.column(at)
    place, positions = np.arange(table.num_rows), np.array(rows, np.int64)
    new = np.arange(len(positions)) + table.num_rows
    if column.null_count and not fill_missing:
        known = np.asarray(column.is_valid())[positions]
        positions, new = positions[known], new[known]
    place[positions] = new
    both = pa.chunked_array([*column.chunks, values.cast(field.type)], field.type)
    return table.set_column(at, field, both.take(pa.array(place)))


def in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` with the columns of `schema` first, nulls where it has none, and its own others at the end."""
    columns: dict[str, Any] = {}
    names = set(table.column_names)
    for field in schema:
        if field.name in names:
            columns[field.name] = table.column(field.name).cast(field.type)
        else:
            columns[field.name] = pa.nulls(table.num_rows, field.type)
    for name in table.column_names:
        if name not in columns:
            columns[name] = table.column(name)
    return pa.table(columns)


def _aggregate_feature(
    table: pa.Table, key: str, camera: bool, known: Mapping[str, Any] | None, known_rows: int
) -> stats.Stat | None:
    if any(table.column(f"stats/{key}/{name}").null_count for name in stats.BASE):
        rest = table.slice(known_rows)
        if known is None or any(rest.column(f"stats/{key}/{name}").null_count for name in stats.BASE):
            return None
        old = stats.from_json(known)
        return stats.aggregate([old, stats.aggregate_columns(_arrays(rest, key, camera))]) if len(rest) else old
    return stats.aggregate_columns(_arrays(table, key, camera))


def _arrays(table: pa.Table, key: str, camera: bool) -> dict[str, Any]:
    arrays = {}
    for name in stats.NAMES:
        column = table.column(f"stats/{key}/{name}")
        if column.null_count:
            continue
        values = to_numpy(column)
        arrays[name] = values.reshape(len(values), -1, 1, 1) if camera and name != "count" else values
    return arrays
