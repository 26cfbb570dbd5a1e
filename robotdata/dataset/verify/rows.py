"""Check the rows of the data files against the tables of episodes and tasks and the statistics."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, is_video
from robotdata.dataset.grid import off_grid
from robotdata.dataset.layout import INFO, STATS
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, to_numpy
from robotdata.dataset.tasks import is_one
from robotdata.dataset.verify.episode_sums import check_together
from robotdata.dataset.verify.quantiles import SHARES, unlike_rows
from robotdata.dataset.verify.report import Gathered, Problem, Report
from robotdata.dataset.verify.stored_rows import StoredRows
from robotdata.dataset.verify.sums import Sums
from robotdata.numbers import count as count_of

_KINDS = {
    "episode_index": "episode_index is another episode's",
    "frame_index": "frame_index does not count from 0",
    "timestamp": "timestamp is not frame_index / fps (a clock's time?), by which LeRobot finds frames,",
    "task_index": "task_index is not in the table of tasks",
    "tasks": "the table of episodes and the rows name other tasks",
}


Read = Callable[[Path, dict[str, NDArray[Any]]], None]
"""Called with the path and the numeric columns of a data file."""


class RowCheck:
    """Checks data files one after the other; `finish` compares the statistics of all rows read."""

    def __init__(
        self, dataset: DatasetFolder, report: Report, *, only: Collection[int] | None, read: Read | None = None
    ) -> None:
        self._dataset = dataset
        self._report = report
        self._only = only
        self._read = read
        self._numeric = [key for key, f in dataset.features.items() if f["dtype"] in NUMERIC_DTYPES]
        self._rows: dict[str, Sums] = {}
        self._stored = StoredRows(dataset, self._numeric, only)
        self._stale: set[str] = set()
        self._gathered = Gathered()
        self._odd: dict[str, _Odd] = {}

    def _unreadable(self, episodes: list[EpisodeInfo]) -> list[int]:
        """Return the episodes of a damaged file whose rows cannot be read; each row group is read separately."""
        unreadable = []
        for episode in episodes:
            try:
                self._dataset.rows(episode.index, self._numeric)
            except DamagedFile:
                unreadable.append(episode.index)
        return sorted(unreadable)

    def check_file(self, path: Path, episodes: list[EpisodeInfo]) -> None:
        """Check all rows of one file; `episodes` are those that refer to it."""
        try:
            with open_parquet(path) as file:
                self._check_columns(path, file.schema_arrow)
                table = read_columns(file, path, self._numeric)
        except DamagedFile as error:
            first = min((episode.index for episode in episodes), default=None)
            numbers: list[int | None] = [*self._unreadable(episodes)] or [first]
            for number in numbers:
                self._report.add(path, str(error), number)
            return
        columns = {name: to_numpy(table.column(name)) for name in table.column_names}
        needed = [name for name in DEFAULT_FEATURES if name not in columns or not is_numbers(columns[name])]
        nulls = [name for name in columns if table.column(name).null_count]
        if needed or nulls:
            self._report.add(path, f"columns {', '.join(needed + nulls)} are missing, hold nulls or no numbers")
            return
        if self._read is not None:
            self._read(path, columns)
        self._check_order(path, columns, episodes)
        self._check_widths(path, columns)
        at = 0
        is_right = self._counts_right(columns, episodes)
        checked: list[tuple[EpisodeInfo, slice]] = []
        for episode in sorted(episodes, key=lambda e: e.from_index):
            which = slice(at, at + episode.length)
            at += episode.length
            if self._only is None or episode.index in self._only:
                tasks = columns["task_index"][which]
                if is_right:
                    self._check_texts(path, episode, tasks)
                else:
                    self._check_episode(path, episode, {name: values[which] for name, values in columns.items()})
                self._report.frames += len(tasks)
                if len(tasks):
                    checked.append((episode, which))
        self._check_all_stats(path, checked, columns)
        rows = table.num_rows
        if rows != at:
            last = max((episode.index for episode in episodes), default=None)
            self._report.add(path, f"has {count_of(rows, 'row')}, its episodes have {at}", last)

    def finish(self) -> None:
        """Report what episodes have in common; compare `stats.json` if the whole dataset was read."""
        self._gathered.report(self._report, self._report.episodes)
        for odd in self._odd.values():
            self._report.note(odd.text())
        if self._only is None:
            self._check_totals()
        if self._stale:
            self._report.note(f"statistics of {', '.join(sorted(self._stale))} are not those of the rows")

    def _check_columns(self, path: Path, schema: pa.Schema) -> None:
        expected = {key for key, feature in self._dataset.features.items() if not is_video(feature)}
        for name in sorted(set(schema.names) - expected):
            self._report.add(path, f"column {name!r} is not a feature; LeRobot does not load it")
        for name in sorted(expected - set(schema.names) - DEFAULT_FEATURES.keys()):
            self._report.add(path, f"feature {name!r} has no column")

    def _check_widths(self, path: Path, columns: dict[str, NDArray[Any]]) -> None:
        for name, values in columns.items():
            shape = self._dataset.features[name]["shape"]
            if values.dtype == object or not len(values):
                continue
            width = values.reshape(len(values), -1).shape[1]
            if width != np.prod(shape, dtype=int):
                self._report.add(
                    path, f"{name} has {count_of(width, 'value')} a row, its shape in {INFO} is {list(shape)}"
                )

    def _check_order(self, path: Path, columns: dict[str, NDArray[Any]], episodes: list[EpisodeInfo]) -> None:
        if not episodes or not len(columns["index"]):
            return
        first = min(episode.from_index for episode in episodes)
        wrong = np.flatnonzero(columns["index"] != np.arange(len(columns["index"])) + first)
        if len(wrong):
            at = int(wrong[0])
            episode, frame = _locate(episodes, first + at)
            self._report.add(
                path,
                f"index is {columns['index'][at]}, should be {first + at} ({count_of(len(wrong), 'row')})",
                episode,
                frame,
            )

    def _counts_right(self, columns: dict[str, NDArray[Any]], episodes: list[EpisodeInfo]) -> bool:
        """Return whether all rows of the file have their numbers and times, so that no episode must be looked at.

        A look at each of thousands of short episodes takes longer than all of their rows.
        """
        ordered = sorted(episodes, key=lambda e: e.from_index)
        lengths = np.array([episode.length for episode in ordered], np.int64)
        tasks, rows = columns["task_index"], len(columns["index"])
        if not rows or lengths.sum() != rows or not (lengths > 0).all():
            return False
        frame = np.arange(rows) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        numbers = np.repeat([episode.index for episode in ordered], lengths)
        return bool(
            np.array_equal(columns["episode_index"], numbers)
            and np.array_equal(columns["frame_index"], frame)
            and not off_grid(columns["timestamp"], frame / self._dataset.fps).any()
            and ((tasks >= 0) & (tasks < max(1, len(self._dataset.tasks)))).all()
        )

    def _check_episode(self, path: Path, episode: EpisodeInfo, part: dict[str, NDArray[Any]]) -> None:
        count = len(part["frame_index"])
        if count != episode.length:
            self._report.add(
                path, f"has {count_of(count, 'row')} of this episode, {episode.length} are promised", episode.index
            )
        if not count:
            return
        frame = np.arange(count)
        exact = frame / self._dataset.fps
        checks = {
            "episode_index": part["episode_index"] != episode.index,
            "frame_index": part["frame_index"] != frame,
            "timestamp": off_grid(part["timestamp"], exact),
            "task_index": (part["task_index"] < 0) | (part["task_index"] >= max(1, len(self._dataset.tasks))),
        }
        for name, wrong in checks.items():
            at = np.flatnonzero(wrong)
            if len(at):
                value = part[name][at[0]]
                self._gather(name, path, episode, f"{name} is {value} ({len(at)} rows are wrong)", at)
        self._check_texts(path, episode, part["task_index"])

    def _check_texts(self, path: Path, episode: EpisodeInfo, numbers: NDArray[Any]) -> None:
        tasks = self._dataset.tasks
        given = numbers[:1] if is_one(numbers) else np.unique(numbers)
        texts = {tasks[int(n)] for n in given if 0 <= n < len(tasks)}
        if episode.tasks and tasks and texts != set(episode.tasks):
            words = f"tasks are {episode.tasks!r:.100}, the rows' are {sorted(texts)!r:.100}"
            self._gather("tasks", "meta/episodes", episode, words, None)

    def _gather(self, kind: str, file: Path | str, episode: EpisodeInfo, words: str, rows: NDArray[Any] | None) -> None:
        name = self._report.name_of(file)
        frame, count = (None, 0) if rows is None else (int(rows[0]), len(rows))
        self._gathered.add(_KINDS[kind], Problem(name, episode.index, frame, words), count)

    def _check_all_stats(
        self, path: Path, checked: list[tuple[EpisodeInfo, slice]], columns: dict[str, NDArray[Any]]
    ) -> None:
        """Check the statistics of these episodes, which are at these rows; those that are right all at once."""
        whole = [(episode, rows) for episode, rows in checked if rows.stop <= len(columns["index"])]
        exact = np.concatenate([np.arange(rows.stop - rows.start) for _, rows in whole] or [np.zeros(0)])
        exact = exact / self._dataset.fps
        for name, values in columns.items():
            right: set[int] = set()
            if whole and values.dtype != object:
                chosen = _joined(values, [rows for _, rows in whole])
                if name == "timestamp":
                    chosen = exact if not off_grid(chosen, exact).any() else chosen[:0]
                right = self._right_together(name, chosen, whole)
            for episode, rows in checked:
                if episode.index not in right:
                    self._check_stats(path, episode, name, values[rows])
                elif self._only is None:
                    self._check_quantiles(name, self._stored.of(episode.index, name), values[rows], episode.index)

    def _right_together(self, name: str, values: NDArray[Any], whole: list[tuple[EpisodeInfo, slice]]) -> set[int]:
        """Return the episodes whose statistics are right beyond doubt, and add their rows to the totals."""
        numbers = [episode.index for episode, _ in whole]
        stored = self._stored.together(name, numbers)
        rows = values.reshape(len(values), -1) if len(values) else np.zeros((0, 0))
        if stored is None or not len(rows) or stored["min"].shape[1] != rows.shape[1]:
            return set()
        good, total = check_together(rows, [rows_.stop - rows_.start for _, rows_ in whole], stored)
        if total is not None:
            self._rows[name] = self._rows[name].plus(total) if name in self._rows else total
        return {number for number, is_right in zip(numbers, good.tolist(), strict=True) if is_right}

    def _check_stats(self, path: Path, episode: EpisodeInfo, name: str, raw: NDArray[Any]) -> None:
        """Check the statistics of one feature of one episode."""
        if raw.dtype == object:
            self._report.add(path, f"{name} has rows of different lengths", episode.index)
            return
        exact = np.arange(len(raw)) / self._dataset.fps
        close = name == "timestamp" and not off_grid(raw, exact).any()
        sums = Sums.of(exact if close else raw)
        if sums.odd.any():
            self._odd.setdefault(name, _Odd(name)).add(episode.index, raw.reshape(len(raw), -1))
        self._rows[name] = self._rows[name].plus(sums) if name in self._rows else sums
        stored = self._stored.of(episode.index, name)
        self._compare(name, stored, sums, "meta/episodes", episode.index)
        self._check_quantiles(name, stored, raw, episode.index)

    def _check_quantiles(self, name: str, stored: dict[str, Any] | None, raw: NDArray[Any], episode: int) -> None:
        """Check quantiles against the rows, only if the whole dataset is verified.

        An edit must not be refused because of what another program wrote for other episodes.
        """
        if self._only is None and name not in DEFAULT_FEATURES and stored and stored.keys() & SHARES.keys():
            wrong = unlike_rows(stored, raw.reshape(len(raw), -1), self._dataset.features[name]["shape"])
            if wrong:
                self._report.add("meta/episodes", f"statistics of {name}: {wrong}", episode)

    def _check_totals(self) -> None:
        path = self._dataset.root / STATS
        try:
            totals = self._dataset.stats()
        except DamagedFile as error:
            self._report.add(path, str(error))
            return
        if not totals and not self._dataset.episodes:
            return
        if not totals:
            self._report.note(f"{STATS} is missing; training needs it")
            return
        for name, sums in self._rows.items():
            if name not in totals:
                self._report.note(f"{STATS} has no statistics of {name}")
            elif isinstance(totals[name], dict):
                self._compare(name, totals[name], sums, STATS, None)

    def _compare(self, name: str, stored: dict[str, Any] | None, sums: Sums, file: str, episode: int | None) -> None:
        if stored is None:
            return
        wrong = sums.unlike(stored, self._dataset.features[name]["shape"])
        if wrong is None:
            return
        if name in DEFAULT_FEATURES:
            # LeRobot's own tools do not update these, and no reader uses them.
            self._stale.add(name)
        else:
            self._report.add(file, f"statistics of {name}: {wrong}", episode)


class _Odd:
    """The rows of one feature that are not finite."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first = ""
        self._rows = 0

    def add(self, episode: int, rows: NDArray[Any]) -> None:
        """Add the rows of an episode."""
        wrong = ~np.isfinite(rows)
        at, column_number = (int(n) for n in np.argwhere(wrong)[0])
        self._rows += int(wrong.any(axis=1).sum())
        column = f"{self._name}[{column_number}]" if rows.shape[1] > 1 else self._name
        self._first = self._first or f"{column} is {rows[at, column_number]} in row {at} of episode {episode}"

    def text(self) -> str:
        """Return the note."""
        more = f", the first of {self._rows} such rows" if self._rows > 1 else ""
        return f"{self._first}{more}: training on it yields only NaN; trim these rows or delete the episode"


def _joined(values: NDArray[Any], parts: list[slice]) -> NDArray[Any]:
    """Return these rows one after the other; without a copy where they are."""
    if all(first.stop == second.start for first, second in itertools.pairwise(parts)):
        return values[parts[0].start : parts[-1].stop]
    return np.concatenate([values[part] for part in parts])


def _locate(episodes: list[EpisodeInfo], row: int) -> tuple[int | None, int | None]:
    """Return the episode and frame of a row of the dataset."""
    for episode in episodes:
        if episode.from_index <= row < episode.to_index:
            return episode.index, row - episode.from_index
    return None, None
