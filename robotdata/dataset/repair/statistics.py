"""Find statistics that are missing or are not those of the rows, and compute them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset import stats
from robotdata.dataset.convert.old_rows import RECORDED_TIME
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, Features, depth_unit, is_depth, is_video
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.repair.rows import EpisodeRows, right_columns
from robotdata.dataset.repair.tasks import NewTasks
from robotdata.dataset.repair.videos import Starts
from robotdata.dataset.tables import open_parquet, read_columns, to_numpy
from robotdata.dataset.verify.moments import impossible, overflown
from robotdata.dataset.verify.quantiles import unlike_rows
from robotdata.dataset.verify.stats import disorder
from robotdata.dataset.verify.sums import Sums
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.trims import depth_stats, picture_stats
from robotdata.numbers import count as count_of

_NEAR = 1e-3


@dataclass
class NewStats:
    """Statistics to replace in the table of episodes.

    `values`: the columns to write, by episode. `missing`, `stale`: the episodes by numeric feature. `cameras`: the
    episodes by camera, whose frames are to be decoded.
    """

    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)
    stale: dict[str, list[int]] = field(default_factory=dict)
    cameras: dict[str, list[int]] = field(default_factory=dict)


def plan_stats(
    base: DatasetFolder,
    table: pa.Table,
    all_rows: Sequence[EpisodeRows],
    tasks: NewTasks,
    starts: Starts,
    *,
    keep_times: bool,
    left: list[str],
) -> NewStats:
    """Compare the statistics in `table`, the table of episodes, with the rows, and compute those that differ."""
    new = NewStats()
    keys = [key for key, feature in base.features.items() if feature["dtype"] in NUMERIC_DTYPES]
    stored = {key: _stored(table, key) for key in episode_table.with_stats(base.features)}
    files: dict[Path, list[EpisodeRows]] = {}
    for rows in all_rows:
        if rows.path is not None:
            files.setdefault(rows.path, []).append(rows)
    for path, episodes in files.items():
        with open_parquet(path) as file:
            read = read_columns(file, path, [key for key in keys if key not in DEFAULT_FEATURES])
        columns = {name: to_numpy(read.column(name)) for name in read.column_names}
        for rows in episodes:
            own = {name: values[rows.begin : rows.begin + rows.length] for name, values in columns.items()}
            own |= right_columns(rows, base.fps, tasks.numbers[rows.number])
            own["timestamp"] = np.arange(rows.length) / base.fps
            _compare(base, new, rows, own, stored)
            if keep_times and rows.stamps is not None:
                _set(new, rows.number, RECORDED_TIME, stats.numeric_stats(rows.stamps))
    _plan_cameras(base, new, all_rows, starts, stored, left)
    return new


def count_cameras(base: DatasetFolder, new: NewStats, all_rows: Sequence[EpisodeRows], starts: Starts) -> None:
    """Decode the frames of the cameras whose statistics are stale, by LeRobot's sample. Raises VideoError."""
    for key, numbers in new.cameras.items():
        count = depth_stats if is_depth(base.features[key]) else picture_stats
        for n in numbers:
            episode = base.episodes[n]
            span = replace(episode.videos[key], first_frame=starts[n][key])
            _set(new, n, key, count(base, replace(episode, videos={key: span}), range(all_rows[n].length), key))


def new_totals(
    base: DatasetFolder, before: pa.Table, after: pa.Table, features: Features
) -> tuple[dict[str, Any], list[str]]:
    """Return stats.json as it should be, and the features of which the stored one lacks or contradicts it.

    A feature whose episodes' statistics stay, and whose stored total agrees with them, keeps it.
    """
    try:
        old = base.stats()
    except DamagedFile:
        old = {}
    computed = episode_table.aggregate(after, features, old, 0)
    wrong = []
    for key, total in computed.items():
        names = [f"stats/{key}/{name}" for name in stats.NAMES]
        same = all(n in before.column_names and before.column(n).equals(after.column(n)) for n in names)
        if _agrees(old.get(key), total):
            if same:
                computed[key] = old[key]
        else:
            wrong.append(key)
    return computed, wrong


def _compare(
    base: DatasetFolder,
    new: NewStats,
    rows: EpisodeRows,
    own: Mapping[str, NDArray[Any]],
    stored: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    for key, values in own.items():
        shape = base.features[key]["shape"]
        if values.dtype.kind not in "iufb" or not len(values):
            continue
        have = stored[key][rows.number]
        if _right(have, values, shape, quantiles=key not in DEFAULT_FEATURES):
            continue
        stat = episode_table.feature_stats(base.features[key], values)
        if stat is not None:
            kind = new.missing if any(have.get(name) is None for name in stats.NAMES) else new.stale
            kind.setdefault(key, []).append(rows.number)
            _set(new, rows.number, key, stat)


def _right(have: Mapping[str, Any], values: NDArray[Any], shape: Sequence[int], *, quantiles: bool) -> bool:
    """Return whether stored statistics are complete and those of the rows."""
    if any(have.get(name) is None for name in stats.NAMES) or Sums.of(values).unlike(have, shape) is not None:
        return False
    return not quantiles or unlike_rows(have, values.reshape(len(values), -1), shape) is None


def _plan_cameras(
    base: DatasetFolder,
    new: NewStats,
    all_rows: Sequence[EpisodeRows],
    starts: Starts,
    stored: Mapping[str, Sequence[Mapping[str, Any]]],
    left: list[str],
) -> None:
    for key in base.camera_keys:
        feature = base.features[key]
        depth = is_depth(feature)
        wrong = [rows.number for rows in all_rows if _unusable(stored[key][rows.number], depth=depth)]
        possible = [n for n in wrong if key in starts.get(n, {})] if is_video(feature) else []
        if depth and depth_unit(feature) is None:
            possible = []
        if possible:
            new.cameras[key] = possible
        if len(possible) < len(wrong):
            count = len(wrong) - len(possible)
            left.append(f"the statistics of {key} in {count_of(count, 'episode')}: its frames cannot be decoded here")


def _unusable(stored: Mapping[str, Any], *, depth: bool) -> bool:
    """Return whether a camera's statistics are incomplete, or cannot be right whatever was filmed."""
    if any(stored.get(name) is None for name in stats.BASE):
        return True
    try:
        flat = {n: np.asarray(v, np.float64).reshape(-1) for n, v in stored.items() if v is not None}
    except (TypeError, ValueError):
        return True
    if not all(np.isfinite(values).all() for values in flat.values()):
        return True
    if disorder(flat, None if depth else 1.0) is not None:
        return True
    return not depth and (overflown(flat) or impossible(flat) is not None)


def _stored(table: pa.Table, key: str) -> list[dict[str, Any]]:
    """Return the statistics of a feature by row of the table."""
    columns = {name: table.column(f"stats/{key}/{name}").to_pylist() for name in stats.NAMES}
    return [{name: values[row] for name, values in columns.items()} for row in range(table.num_rows)]


def _agrees(old: Any, total: Mapping[str, Any]) -> bool:
    """Return whether a stored total is complete and has the same numbers; quantiles may follow another rule."""
    if not isinstance(old, dict) or any(name not in old for name in total):
        return False
    for name in stats.BASE:
        try:
            have, want = np.asarray(old[name], np.float64).reshape(-1), np.asarray(total[name], np.float64).reshape(-1)
        except (TypeError, ValueError):
            return False
        near = 1e-6 + _NEAR * np.abs(want)
        if have.shape != want.shape or not bool(
            ((np.abs(have - want) <= near) | (np.isnan(have) & np.isnan(want))).all()
        ):
            return False
    return True


def _set(new: NewStats, number: int, key: str, stat: stats.Stat) -> None:
    new.values.setdefault(number, {}).update(episode_table.stats_columns({key: stat}))
