"""Tasks of rows and episodes.

Policies are trained on the task_index of each row. The table of episodes only repeats the texts, so the rows decide.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from robotdata.capture.texts import tidy_task
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import CommitError, DamagedFile
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, to_numpy

Numbers = NDArray[np.int64]
_MOST_KEPT = 16 << 20
"""Bytes of columns that are kept."""
_kept: LRUCache[tuple[int, ...] | None, tuple[dict[str, Numbers], int]] = LRUCache(
    _MOST_KEPT, getsizeof=lambda of: of[1]
)
_lock = threading.Lock()


def row_numbers(
    dataset: DatasetFolder, only: Collection[int] | None = None
) -> tuple[dict[int, Numbers], dict[int, str]]:
    """Return the task_index of every row by episode, int64 (length,); of the episodes `only`, by default of all.

    The second value gives, by episode, why its rows cannot be read: their file is missing or damaged, has no such
    integer column, or has another number of rows. Two columns of each data file are read once.
    """
    files: dict[Path, list[EpisodeInfo]] = {}
    numbers_by_episode: dict[int, Numbers] = {}
    unread: dict[int, str] = {}
    for episode in dataset.episodes:
        if only is not None and episode.index not in only:
            continue
        if episode.data_file is None:
            unread[episode.index] = f"no file in {dataset.root / 'data'} holds its rows"
        else:
            files.setdefault(episode.data_file, []).append(episode)
    for path, episodes in files.items():
        try:
            columns = _kept_columns(path, ("episode_index", "task_index"))
        except DamagedFile as error:
            unread |= {episode.index: str(error) for episode in episodes}
            continue
        for episode, rows in rows_of(columns["episode_index"], episodes):
            numbers = columns["task_index"][rows]
            if len(numbers) == episode.length:
                numbers_by_episode[episode.index] = numbers
            else:
                unread[episode.index] = f"{path} has {len(numbers)} of its {episode.length} rows"
    return numbers_by_episode, unread


def is_one(numbers: Numbers) -> bool:
    """Return whether all rows have the same number, as in nearly every episode; that is found faster than all are."""
    raw = numbers.tobytes()  # comparing bytes is faster than comparing the numbers of a short episode
    return bool(raw) and raw == raw[: numbers.itemsize] * len(numbers)


def integer_columns(path: Path, names: Sequence[str]) -> dict[str, Numbers]:
    """Return integer columns of a data file, each int64 (rows,). Raises DamagedFile if one is not of integers."""
    identity = _identity(path)
    columns = _read_integers(path, names)
    _keep(identity, columns)
    return columns


def keep_integers(path: Path, columns: Mapping[str, NDArray[Any]], names: Sequence[str]) -> dict[str, Numbers] | None:
    """Return what `integer_columns` would, from columns of a data file that nobody else can change; kept as if it had.

    Return None if one of them is not of integers.
    """
    if any(columns[name].dtype.kind not in "iu" or columns[name].ndim != 1 for name in names):
        return None
    # Copies: the columns may be parts of a table that would stay in memory.
    integers = {name: np.array(columns[name], np.int64) for name in names}
    _keep(_identity(path), integers)
    return integers


def _keep(identity: tuple[int, ...] | None, columns: dict[str, Numbers]) -> None:
    for values in columns.values():
        values.setflags(write=False)  # others may get the same array
    if identity is not None and (size := sum(values.nbytes for values in columns.values())) <= _MOST_KEPT:
        with _lock:
            _kept[identity] = (columns, size)


def _kept_columns(path: Path, names: Sequence[str]) -> dict[str, Numbers]:
    """Return integer columns of a data file as `integer_columns` does, or as it did when the file was the same.

    An edit reads the numbers of its rows before and after, and each row group of a short episode costs time.
    """
    identity = _identity(path)
    with _lock:
        columns, _ = _kept.get(identity, ({}, 0))
    if all(name in columns for name in names):
        return columns
    return integer_columns(path, names)


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _read_integers(path: Path, names: Sequence[str]) -> dict[str, Numbers]:
    with open_parquet(path) as file:
        table = read_columns(file, path, list(names))
    for name in names:
        if name not in table.column_names:
            raise DamagedFile(path, f"it has no column {name}")
        values = to_numpy(table.column(name))
        if table.column(name).null_count or not is_numbers(values) or values.dtype.kind == "f":
            raise DamagedFile(path, f"its column {name} is not a column of integers")
    return {name: to_numpy(table.column(name)).astype(np.int64) for name in names}


def rows_of(numbers: Numbers, episodes: Iterable[EpisodeInfo]) -> Iterator[tuple[EpisodeInfo, slice | Numbers]]:
    """Yield the episodes of a data file with the positions of their rows. `numbers` is its episode_index column."""
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1)) if len(numbers) else np.empty(0, np.int64)
    ends = [*starts[1:].tolist(), len(numbers)]
    runs = {int(numbers[start]): slice(int(start), end) for start, end in zip(starts, ends, strict=False)}
    scattered = len(runs) < len(starts)  # the rows of an episode are not contiguous
    for episode in episodes:
        yield episode, np.flatnonzero(numbers == episode.index) if scattered else runs.get(episode.index, slice(0, 0))


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """The tasks of the next state.

    `texts`: by number. `renumbered`: the new number of each old one. `asked`: the number of each requested text.
    """

    texts: list[str]
    renumbered: Mapping[int, int]
    asked: Mapping[str, int] = field(default_factory=dict)

    def renumber(self, numbers: Numbers) -> Numbers:
        """Return the new numbers of rows with old `numbers`, maybe the same array; one without a text is unchanged."""
        if is_one(numbers):
            number = int(numbers[0])
            new_number = self.renumbered.get(number, number)
            return numbers if new_number == number else np.full(numbers.shape, new_number, np.int64)
        values, places = np.unique(numbers, return_inverse=True)
        new = np.array([self.renumbered.get(int(value), int(value)) for value in values], np.int64)
        return new[places].reshape(numbers.shape)


def plan_tasks(
    dataset: DatasetFolder | None, used: Collection[int], asked: Iterable[str], named: Collection[str] | None = None
) -> TaskPlan:
    """Number the tasks of the next state.

    `used`: the numbers in rows that stay. `asked`: requested texts. `named`: texts in the table of episodes; tasks that
    are in no row and not among them are dropped (None: drop none). While rows hold a number without a text, no number
    changes its meaning. Raises CommitError if a new text would get such a number, because these rows would silently get
    that task.
    """
    old = dataset.tasks if dataset else []
    unnamed = sorted(number for number in used if not (0 <= number < len(old) and old[number]))
    requested = list(dict.fromkeys(asked))
    number_of_text: dict[str, int] = {}
    for number, text in enumerate(old):
        number_of_text.setdefault(tidy_task(text), number)
    if unnamed or named is None:
        kept_numbers = list(range(len(old)))
    else:
        stay = {number for number, text in enumerate(old) if text in named}
        stay |= {number_of_text[tidy_task(text)] for text in requested if tidy_task(text) in number_of_text}
        kept_numbers = sorted({number for number in stay | set(used) if old[number]})
    texts = [old[number] for number in kept_numbers]
    renumbered = {number: position for position, number in enumerate(kept_numbers)}
    place_of = {tidy_task(old[number]): renumbered[number] for number in reversed(kept_numbers) if old[number]}
    for text in requested:
        if place_of.setdefault(tidy_task(text), len(texts)) == len(texts):
            texts.append(tidy_task(text))
    numbers = {text: place_of[tidy_task(text)] for text in requested}
    claimed = [number for number in unnamed if number < len(texts)]
    if claimed:
        raise CommitError(
            f"{dataset.root if dataset else ''}: there are rows with task number {claimed[0]}, for which "
            "meta/tasks.parquet has no text, and a new task would become theirs. Give the episodes of these rows a "
            "task first, or put the missing text back into meta/tasks.parquet"
        )
    return TaskPlan(texts, renumbered, numbers)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Episodes whose tasks differ between the table and the rows, and the tasks of the first one in both."""

    episodes: list[int]
    table: list[str]
    rows: list[str]

    def __str__(self) -> str:
        return (
            f"the table of episodes and the rows name different tasks for {len(self.episodes)} episode(s); the first "
            f"is episode {self.episodes[0]}: {_quoted(self.rows)} in the rows, {_quoted(self.table)} in the table. "
            "Training uses the rows"
        )


def disagreement(dataset: DatasetFolder, numbers: Mapping[int, Numbers]) -> Disagreement | None:
    """Return how `numbers`, the rows' task_index by episode, differ from the table's texts; None if they agree."""
    differing: list[int] = []
    first: tuple[list[str], list[str]] = ([], [])
    for episode in dataset.episodes:
        if episode.index not in numbers or not episode.tasks:
            continue
        texts = texts_of(dataset, numbers[episode.index])
        if set(texts) != set(episode.tasks):
            first = first if differing else (list(episode.tasks), texts)
            differing.append(episode.index)
    return Disagreement(differing, *first) if differing else None


def by_rows(dataset: DatasetFolder) -> DatasetFolder:
    """Return `dataset` with the tasks of the rows where the table of episodes has others."""
    numbers, _ = row_numbers(dataset)
    differing = disagreement(dataset, numbers)
    if differing is None:
        return dataset
    affected = set(differing.episodes)
    episodes = [
        replace(episode, tasks=texts_of(dataset, numbers[episode.index])) if episode.index in affected else episode
        for episode in dataset.episodes
    ]
    return replace(dataset, episodes=episodes)


def texts_of(dataset: DatasetFolder, numbers: Numbers) -> list[str]:
    """Return the texts of these task numbers, each once, in row order. Numbers without a text are left out."""
    if is_one(numbers):
        number = int(numbers[0])
        return [dataset.tasks[number]] if 0 <= number < len(dataset.tasks) and dataset.tasks[number] else []
    values, at = np.unique(numbers, return_index=True)
    ordered = [int(value) for value in values[np.argsort(at)]]
    return list(dict.fromkeys(dataset.tasks[n] for n in ordered if 0 <= n < len(dataset.tasks) and dataset.tasks[n]))


def _quoted(texts: Sequence[str]) -> str:
    quoted = ", ".join(repr(text[:80]) for text in texts[:3]) or "none"
    return quoted + (" and more" if len(texts) > 3 else "")
