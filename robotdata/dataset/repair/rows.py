"""Find the rows of each episode in the data files, and which of their numbers and times are wrong.

The rows decide how long an episode is if their own numbers agree with each other; else the table of episodes decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.episode_names import named_episode, named_episodes
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.grid import off_grid
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, to_numpy
from robotdata.numbers import count as count_of

COUNTED = ("episode_index", "frame_index", "index")


@dataclass(slots=True)
class EpisodeRows:
    """The rows of one episode: rows [begin, begin + length) of `path`, from row `first_row` of the dataset on.

    `path` is None if its rows cannot be read. `tasks`: the stored number of each row's task, int64 (length,), or None.
    `stamps`: the stored times, float64 (length,), or None if they are not numbers. `wrong`: how many rows have another
    value than they should have, by column.
    """

    number: int
    path: Path | None
    length: int
    begin: int = 0
    first_row: int = 0
    tasks: NDArray[np.int64] | None = None
    stamps: NDArray[np.float64] | None = None
    wrong: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    """The default columns of a data file; those that are missing, have nulls or are not numbers are left out."""

    rows: int
    columns: dict[str, NDArray[Any]]
    retyped: frozenset[str]


def read_rows(base: DatasetFolder, left: list[str]) -> list[EpisodeRows]:
    """Return the rows of all episodes, in the order of the table; sentences about lost ones are added to `left`."""
    found = [EpisodeRows(n, None, episode.length) for n, episode in enumerate(base.episodes)]
    files: dict[Path, list[int]] = {}
    for number, episode in enumerate(base.episodes):
        if episode.data_file is None:
            left.append(f"{named_episode(number, episode.number)}: no data file holds its rows")
        else:
            files.setdefault(episode.data_file, []).append(number)
    shown = numbers_by_place(base)
    columns: dict[Path, _File] = {}
    for path, numbers in files.items():
        name = _name(base, path)
        try:
            file = _read(base, path)
        except DamagedFile as error:
            left.append(f"{named_episodes(numbers, shown)}: their rows are lost: {error}")
            continue
        lengths = _lengths(file, [base.episodes[n] for n in numbers])
        if lengths is None:
            promised = sum(base.episodes[n].length for n in numbers)
            left.append(
                f"{named_episodes(numbers, shown)}: {name} has {count_of(file.rows, 'row')}, and the table of episodes "
                f"promises {promised}; nothing says which rows belong to which episode"
            )
            continue
        columns[path], begin = file, 0
        for number, length in zip(numbers, lengths, strict=True):
            found[number].path, found[number].begin, found[number].length = path, begin, length
            begin += length
    first_row = 0
    for rows in found:
        rows.first_row = first_row
        first_row += rows.length
        if rows.path is not None:
            _compare(rows, columns[rows.path], base.fps)
    return found


def numbers_by_place(base: DatasetFolder) -> dict[int, int | None]:
    """Return the number on the pages of each episode by its place in the table; a repair makes places the indices."""
    return {place: episode.number for place, episode in enumerate(base.episodes)}


def right_columns(rows: EpisodeRows, fps: float, tasks: NDArray[np.int64] | None) -> dict[str, NDArray[Any]]:
    """Return the default columns as they should be, each (length,); `tasks` are the new task numbers."""
    frame = np.arange(rows.length, dtype=np.int64)
    columns: dict[str, NDArray[Any]] = {
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(rows.length, rows.number, np.int64),
        "index": frame + rows.first_row,
    }
    return columns if tasks is None else columns | {"task_index": tasks}


def carries_times(all_rows: Sequence[EpisodeRows]) -> bool:
    """Return whether wrong timestamps are worth keeping: those of every episode are finite, and some differ."""
    if not any(rows.wrong.get("timestamp") for rows in all_rows):
        return False
    stamps = [rows.stamps for rows in all_rows]
    if any(each is None or not np.isfinite(each).all() for each in stamps):
        return False
    return any(bool(np.ptp(each)) for each in stamps if each is not None and len(each))


def _read(base: DatasetFolder, path: Path) -> _File:
    with open_parquet(path) as file:
        table = read_columns(file, path, list(DEFAULT_FEATURES))
    columns, retyped = {}, set()
    for name in table.column_names:
        column = table.column(name)
        values = to_numpy(column)
        if not column.null_count and is_numbers(values):
            columns[name] = values
        declared = str(base.features[name]["dtype"])
        if declared != DEFAULT_FEATURES[name]["dtype"] or pa.types.is_floating(column.type) != (name == "timestamp"):
            retyped.add(name)
    return _File(table.num_rows, columns, frozenset(retyped))


def _lengths(file: _File, episodes: Sequence[EpisodeInfo]) -> list[int] | None:
    """Return the length of each episode in this file; None if nothing agrees."""
    count = len(episodes)
    by_table = [episode.length for episode in episodes]
    by_number = _runs(file.columns.get("episode_index"), count, rising=True)
    by_frame = _runs(file.columns.get("frame_index"), count, rising=False)
    if by_number is not None and by_number == by_frame:
        return by_number
    if sum(by_table) == file.rows and all(by_table):
        return by_table
    return by_number or by_frame


def _runs(values: NDArray[Any] | None, count: int, *, rising: bool) -> list[int] | None:
    """Return the lengths of the runs of rows: of equal, rising numbers, or of numbers that count from 0.

    None unless there are `count` of them.
    """
    if values is None or not len(values):
        return None
    steps = np.diff(values.astype(np.float64))
    if rising:
        cuts = np.flatnonzero(steps != 0)
        valid = bool((steps[cuts] > 0).all())
    else:
        cuts = np.flatnonzero(steps != 1)
        valid = bool(values[0] == 0 and (values[cuts + 1] == 0).all())
    edges = [0, *(cuts + 1).tolist(), len(values)]
    lengths = [end - begin for begin, end in zip(edges, edges[1:], strict=False)]
    return lengths if valid and len(lengths) == count else None


def _compare(rows: EpisodeRows, file: _File, fps: float) -> None:
    """Set the stored tasks and times, and count the rows with wrong values."""
    part = slice(rows.begin, rows.begin + rows.length)
    columns: Mapping[str, NDArray[Any]] = {name: values[part] for name, values in file.columns.items()}
    right = right_columns(rows, fps, None)
    for name in COUNTED:
        same = columns[name] == right[name] if name in columns else np.zeros(rows.length, bool)
        rows.wrong[name] = int((~same).sum())
    stamps = columns.get("timestamp")
    exact = np.arange(rows.length) / fps
    rows.wrong["timestamp"] = rows.length if stamps is None else int(off_grid(stamps, exact).sum())
    rows.stamps = None if stamps is None else stamps.astype(np.float64)
    tasks = columns.get("task_index")
    if tasks is not None and bool(np.isfinite(tasks).all()) and bool((tasks == np.floor(tasks)).all()):
        rows.tasks = tasks.astype(np.int64)
    for name in file.retyped:
        rows.wrong[name] = rows.length


def _name(base: DatasetFolder, path: Path) -> str:
    root = base.root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
