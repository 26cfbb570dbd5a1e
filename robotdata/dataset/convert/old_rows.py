"""The rows of one episode of a dataset v2.x, read from its file when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, Features, is_image, size_of
from robotdata.dataset.grid import off_grid
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, read_table, to_list, to_numpy

RECORDED_TIME = "recorded_timestamp"
"""The column that keeps timestamps which were not n / fps."""


def declared(schema: pa.Schema, known: Features) -> tuple[Features, list[str]]:
    """Return features for the columns of a data file that are not `known`, and the names of those that can have none.

    LeRobot refuses a dataset with columns that are not features.
    """
    features: Features = {}
    left_out = []
    for field in schema:
        if field.name in known:
            continue
        kind = field.type
        size = kind.list_size if pa.types.is_fixed_size_list(kind) else 1
        value = kind.value_type if pa.types.is_fixed_size_list(kind) else kind
        dtype = "string" if pa.types.is_string(value) or pa.types.is_large_string(value) else str(value)
        dtype = {"float": "float32", "double": "float64", "halffloat": "float16"}.get(dtype, dtype)
        if dtype in NUMERIC_DTYPES or (dtype == "string" and size == 1):
            features[field.name] = {"dtype": dtype, "shape": [size], "names": None}
        else:
            left_out.append(field.name)
    return features, left_out


def declared_in_all(schemas: Sequence[pa.Schema], known: Features) -> tuple[Features, list[str], list[str]]:
    """Return the same of several data files: features, names without one, and names that not all declare alike."""
    found = [declared(schema, known) for schema in schemas]
    features: Features = {}
    left_out, differing = [], []
    for name in dict.fromkeys(name for more, rest in found for name in (*more, *rest)):
        first = found[0][0].get(name)
        if all(name in rest for _, rest in found):
            left_out.append(name)
        elif first is None or any(more.get(name) != first for more, _ in found):
            differing.append(name)
        else:
            features[name] = first
    return features, left_out, differing


@dataclass(frozen=True, slots=True)
class OldRows(Mapping[str, Any]):
    """The columns of one data file by feature; each access reads its column.

    Numbers have shape (rows, ...), images are objects with `bytes` and `path`. Raises DamagedFile, and KeyError for a
    column that the file does not have.
    """

    path: Path
    features: Features

    def __getitem__(self, key: str) -> Any:
        source = "timestamp" if key == RECORDED_TIME and key not in self._names() else key
        with open_parquet(self.path) as file:
            table = read_columns(file, self.path, [source])
        if source not in table.column_names:
            raise KeyError(key)
        column = table.column(source)
        if is_image(self.features.get(key, {})):
            return [each if isinstance(each, dict) else {"bytes": each, "path": None} for each in column.to_pylist()]
        if self.features.get(key, {}).get("dtype") == "string":
            return to_list(column, self.path)
        return to_numpy(column)

    def _names(self) -> list[str]:
        with open_parquet(self.path) as file:
            return list(file.schema_arrow.names)

    def __iter__(self) -> Iterator[str]:
        return (key for key in self.features if key not in DEFAULT_FEATURES)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What the rows of an episode are. `not_finite`: how many have NaN or infinity.

    `tasks`, `frames` and `numbers`: their task_index, frame_index and episode_index, (rows,) int64. `stamps`: their
    timestamps in seconds, (rows,). Each is None for a column that is missing or not usable.
    """

    length: int
    tasks: NDArray[np.int64] | None
    frames: NDArray[np.int64] | None
    numbers: NDArray[np.int64] | None
    stamps: NDArray[np.float64] | None
    not_finite: int


def is_clocked(facts: RowFacts, fps: float) -> bool:
    """Return whether there are timestamps that are not frame number / fps."""
    return facts.stamps is not None and bool(off_grid(facts.stamps, np.arange(facts.length) / fps).any())


def first_frame(path: Path, facts: RowFacts, fps: float) -> int:
    """Return which frame the first row belongs to: 0 unless rows before it were removed.

    Exact timestamps decide, because LeRobot finds frames by them, then frame_index. Raises DamagedFile if rows are not
    one after the other: they would get the pictures of others.
    """
    if facts.stamps is not None and not is_clocked(facts, fps):
        return 0
    frames = facts.frames
    if frames is None or (frames == frames[0]).all():  # then it counts nothing
        if facts.stamps is not None and bool((facts.stamps[1:] < facts.stamps[:-1]).any()):
            raise DamagedFile(path, "its rows are not in the order of their timestamps")
        return 0
    if (odd := np.flatnonzero(np.diff(frames) != 1)).size:
        before, after = frames[odd[0] : odd[0] + 2]
        raise DamagedFile(path, f"its rows are not one after the other: frame {after} comes after frame {before}")
    return int(frames[0])


def check_rows(path: Path, features: Features) -> RowFacts:
    """Read all rows of an episode and check them against `features`.

    Raises DamagedFile if a column is missing, or has another type, size, empty rows, or values that its declared type
    cannot hold.
    """
    table = read_table(path)
    if not table.num_rows:
        raise DamagedFile(path, "it has no rows")
    bad = np.zeros(table.num_rows, bool)
    for key, feature in features.items():
        if key in DEFAULT_FEATURES or feature["dtype"] == "video":
            continue
        if key not in table.column_names:
            raise DamagedFile(path, f"it has no column {key}")
        column = table.column(key)
        if column.null_count:
            raise DamagedFile(path, f"{column.null_count} of its rows have no value of {key}")
        if feature["dtype"] in NUMERIC_DTYPES:
            bad |= _not_finite(path, key, feature, to_numpy(column))
        elif is_image(feature):
            _check_images(path, key, column)
        elif not all(isinstance(value, str) for value in to_list(column, path)) and feature["dtype"] == "string":
            raise DamagedFile(path, f"its column {key} has rows without text, and info.json declares it as string")
    tasks, frames, numbers = (_whole(table, name) for name in ("task_index", "frame_index", "episode_index"))
    stamps = to_numpy(table.column("timestamp")) if "timestamp" in table.column_names else None
    usable = stamps is not None and is_numbers(stamps) and bool(np.isfinite(stamps).all())
    return RowFacts(table.num_rows, tasks, frames, numbers, stamps if usable else None, int(bad.sum()))


def _not_finite(path: Path, key: str, feature: Mapping[str, Any], values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows are NaN or infinite. Raises DamagedFile for values that are not what the feature says."""
    if values.dtype.kind not in "iufb" or values.size != len(values) * size_of(feature):
        raise DamagedFile(path, f"its column {key} does not have {size_of(feature)} numbers in each row")
    flat, dtype = values.reshape(len(values), -1), np.dtype(feature["dtype"])
    with np.errstate(invalid="ignore", over="ignore"):
        cast = flat.astype(dtype)
    unfit = np.isfinite(flat) & ~np.isfinite(cast) if dtype.kind == "f" else cast != flat
    if bool(unfit.any()):
        raise DamagedFile(path, f"its column {key} has {flat[unfit][0]}, and info.json declares it as {dtype}")
    return np.asarray(~np.isfinite(flat).all(axis=1))


def _check_images(path: Path, key: str, column: Any) -> None:
    """Raise DamagedFile unless the images themselves are in the column."""
    if pa.types.is_struct(column.type) and "bytes" in [field.name for field in column.type]:
        column = pa.chunked_array([chunk.field("bytes") for chunk in column.chunks])
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)) or column.null_count:
        raise DamagedFile(path, f"the images of {key} are not in it; only images inside Parquet files are read")


def _whole(table: pa.Table, name: str) -> NDArray[np.int64] | None:
    """Return a column of whole numbers, which may be stored as another type; None if it is none."""
    if name not in table.column_names or table.column(name).null_count:
        return None
    values = to_numpy(table.column(name))
    if not is_numbers(values) or not np.isfinite(values).all() or not bool((values == np.floor(values)).all()):
        return None
    return values.astype(np.int64)
