"""The statistics that a dataset keeps of each episode, of a few episodes at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from robotdata.dataset.errors import DamagedFile, UnsafePath
from robotdata.dataset.layout import EPISODES_GLOB, contained
from robotdata.dataset.tables import open_parquet, read_columns, to_list

QUANTILES = ("min", "q01", "q10", "q50", "q90", "q99", "max")
_INDEX = "episode_index"


def episode_statistics(
    root: Path, features: Sequence[str], *, most: int = 0, indices: Collection[int] | None = None
) -> list[dict[str, dict[str, list[Any]]]]:
    """Return, for each episode, by feature the lists `min`, `max` and the quantiles that are stored.

    Of the episodes with these `indices`; without them of at most `most`, spread evenly over the dataset. A file that
    cannot be read is left out. Raises DamagedFile where statistics are text that is not UTF-8.
    """
    tables = [table for path in sorted(root.glob(EPISODES_GLOB)) if (table := _read(root, path, features)) is not None]
    total = sum(table.num_rows for table in tables)
    step = max(1, -(-total // most)) if most else 1
    lines: list[dict[str, dict[str, list[Any]]]] = []
    first = 0
    for table in tables:
        if indices is not None:
            wanted = set(indices)
            rows = [row for row, index in enumerate(table.column(_INDEX).to_pylist()) if index in wanted]
        else:
            rows = list(range(-first % step, table.num_rows, step))
        found = to_list(table.take(pa.array(rows, pa.int64())), root)
        lines += [_line(row, features) for row in found]
        first += table.num_rows
    return lines


def extremes_by_index(
    root: Path, feature: str, place_of: Callable[[int], int | None]
) -> tuple[dict[int, tuple[float, float]], list[str]]:
    """Return, by episode index, the least and the largest value of one joint of `feature`; and the damaged files.

    `place_of` is given the number of values that the feature has, and returns the index of the joint among them. An
    episode is left out where its statistics hold no such numbers, and those of a file that cannot be read, of which the
    path in the dataset is returned.
    """
    columns = [_INDEX, *(_column(feature, name) for name in ("min", "max"))]
    found: dict[int, tuple[float, float]] = {}
    damaged: list[str] = []
    for path in sorted(root.glob(EPISODES_GLOB)):
        table = _read(root, path, [feature])
        if table is None:
            damaged.append(str(path.relative_to(root)))
            continue
        if not set(columns) <= set(table.column_names):
            continue
        try:
            rows = to_list(table.select(columns), root)
        except DamagedFile:
            damaged.append(str(path.relative_to(root)))
            continue
        for row in rows:
            index, least, most = (row[name] for name in columns)
            if not (isinstance(least, list) and isinstance(most, list) and len(least) == len(most)):
                continue
            place = place_of(len(least))
            if place is not None and all(isinstance(value, int | float) for value in (least[place], most[place])):
                found[index] = (float(least[place]), float(most[place]))
    return found, damaged


def _line(row: dict[str, Any], features: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    return {
        feature: {name: value for name in QUANTILES if isinstance(value := row.get(_column(feature, name)), list)}
        for feature in features
    }


def _read(root: Path, path: Path, features: Sequence[str]) -> pa.Table | None:
    wanted = [_INDEX, *(_column(feature, name) for feature in features for name in QUANTILES)]
    try:
        real = contained(root, str(path.relative_to(root)))  # a symlink may point out of the dataset
        with open_parquet(real) as file:
            table = read_columns(file, real, wanted)
    except (DamagedFile, UnsafePath, OSError):
        return None
    return table if _INDEX in table.column_names else None


def _column(feature: str, name: str) -> str:
    return f"stats/{feature}/{name}"
