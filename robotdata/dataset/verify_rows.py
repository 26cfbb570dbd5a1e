"""The rows of the data files against what episodes, tasks and statistics say of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, is_video
from robotdata.dataset.findings import Report
from robotdata.dataset.layout import EPISODES_GLOB, INFO, STATS
from robotdata.dataset.reader import Dataset
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, read_table, to_numpy
from robotdata.dataset.verify_quantiles import SHARES, unlike_rows

_TIME_S = 1e-4
_BASE = ("min", "max", "mean", "std", "count")


class RowCheck:
    """Checks data files one after the other; `finish` compares the statistics of all rows that were read."""

    def __init__(self, dataset: Dataset, report: Report, *, only: Collection[int] | None) -> None:
        self._dataset = dataset
        self._report = report
        self._only = only
        self._numeric = [key for key, f in dataset.features.items() if f["dtype"] in NUMERIC_DTYPES]
        self._rows: dict[str, _Sums] = {}
        self._stored = _stored_stats(dataset, self._numeric, only)
        self._stale: set[str] = set()

    def _unreadable(self, episodes: list[EpisodeInfo]) -> list[int]:
        """Those of a damaged file whose own rows are: each lies in parts of the file that are read by themselves."""
        found = []
        for episode in episodes:
            try:
                self._dataset.rows(episode.index, self._numeric)
            except DamagedFile:
                found.append(episode.index)
        return sorted(found)

    def check_file(self, path: Path, episodes: list[EpisodeInfo]) -> None:
        """All rows of one file; `episodes` are those that say they lie in it."""
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
        self._check_order(path, columns, episodes)
        self._check_widths(path, columns)
        at = 0
        for episode in sorted(episodes, key=lambda e: e.from_index):
            part = {name: values[at : at + episode.length] for name, values in columns.items()}
            at += episode.length
            if self._only is None or episode.index in self._only:
                self._check_episode(path, episode, part)
                self._report.frames += len(part["index"])
        rows = table.num_rows
        if rows != at:
            last = max((episode.index for episode in episodes), default=None)
            self._report.add(path, f"has {rows} rows, its episodes have {at}", last)

    def finish(self) -> None:
        """Compare `stats.json`, where the whole dataset was read."""
        if self._only is None:
            self._check_totals()
        if self._stale:
            self._report.note(f"statistics of {', '.join(sorted(self._stale))} are not those of the rows")

    def _check_columns(self, path: Path, schema: pa.Schema) -> None:
        wanted = {key for key, feature in self._dataset.features.items() if not is_video(feature)}
        for name in sorted(set(schema.names) - wanted):
            self._report.add(path, f"column {name!r} is no feature; LeRobot does not load it")
        for name in sorted(wanted - set(schema.names) - DEFAULT_FEATURES.keys()):
            self._report.add(path, f"feature {name!r} has no column")

    def _check_widths(self, path: Path, columns: dict[str, NDArray[Any]]) -> None:
        for name, values in columns.items():
            shape = self._dataset.features[name]["shape"]
            if values.dtype == object or not len(values):
                continue
            width = values.reshape(len(values), -1).shape[1]
            if width != np.prod(shape, dtype=int):
                self._report.add(path, f"{name} has {width} values a row, its shape in {INFO} is {list(shape)}")

    def _check_order(self, path: Path, columns: dict[str, NDArray[Any]], episodes: list[EpisodeInfo]) -> None:
        if not episodes or not len(columns["index"]):
            return
        first = min(episode.from_index for episode in episodes)
        wrong = np.flatnonzero(columns["index"] != np.arange(len(columns["index"])) + first)
        if len(wrong):
            at = int(wrong[0])
            episode, frame = _locate(episodes, first + at)
            self._report.add(
                path, f"index is {columns['index'][at]}, should be {first + at} ({len(wrong)} rows)", episode, frame
            )

    def _check_episode(self, path: Path, episode: EpisodeInfo, part: dict[str, NDArray[Any]]) -> None:
        count = len(part["frame_index"])
        if count != episode.length:
            self._report.add(path, f"has {count} rows of this episode, {episode.length} are promised", episode.index)
        if not count:
            return
        frame = np.arange(count)
        exact = frame / self._dataset.fps
        checks = {
            "episode_index": part["episode_index"] != episode.index,
            "frame_index": part["frame_index"] != frame,
            "timestamp": np.abs(part["timestamp"].astype(np.float64) - exact) > _TIME_S,
            "task_index": (part["task_index"] < 0) | (part["task_index"] >= max(1, len(self._dataset.tasks))),
        }
        for name, wrong in checks.items():
            at = np.flatnonzero(wrong)
            if len(at):
                value = part[name][at[0]]
                self._report.add(path, f"{name} is {value} ({len(at)} rows are wrong)", episode.index, int(at[0]))
        self._check_texts(path, episode, part["task_index"])
        self._check_stats(path, episode, part, exact)

    def _check_texts(self, path: Path, episode: EpisodeInfo, numbers: NDArray[Any]) -> None:
        tasks = self._dataset.tasks
        texts = {tasks[int(n)] for n in np.unique(numbers) if 0 <= n < len(tasks)}
        if episode.tasks and tasks and texts != set(episode.tasks):
            self._report.add(
                "meta/episodes",
                f"tasks are {episode.tasks!r:.100}, the rows' are {sorted(texts)!r:.100}",
                episode.index,
            )

    def _check_stats(
        self, path: Path, episode: EpisodeInfo, part: dict[str, NDArray[Any]], exact: NDArray[np.float64]
    ) -> None:
        stored = self._stored.get(episode.index, {})
        for name, raw in part.items():
            close = name == "timestamp" and len(raw) == len(exact) and bool(np.all(np.abs(raw - exact) <= _TIME_S))
            if raw.dtype == object:
                self._report.add(path, f"{name} has rows of different lengths", episode.index)
                continue
            sums = _Sums.of(exact if close else raw)
            self._rows[name] = self._rows[name].plus(sums) if name in self._rows else sums
            self._compare(name, stored.get(name), sums, "meta/episodes", episode.index)
            self._check_quantiles(name, stored.get(name, {}), raw, episode.index)

    def _check_quantiles(self, name: str, stored: dict[str, Any], raw: NDArray[Any], episode: int) -> None:
        """Of a whole dataset alone: an edit must not be refused for what another program wrote of other episodes."""
        if self._only is None and name not in DEFAULT_FEATURES and stored.keys() & SHARES.keys():
            wrong = unlike_rows(stored, raw.reshape(len(raw), -1))
            if wrong:
                self._report.add("meta/episodes", f"statistics of {name}: {wrong}", episode)

    def _check_totals(self) -> None:
        path = self._dataset.root / STATS
        try:
            totals = self._dataset.stats()
        except DamagedFile as error:
            self._report.add(path, str(error))
            return
        if not totals:
            self._report.note(f"{STATS} is missing; training needs it")
            return
        for name, sums in self._rows.items():
            if name not in totals:
                self._report.note(f"{STATS} has no statistics of {name}")
            elif isinstance(totals[name], dict):
                self._compare(name, totals[name], sums, STATS, None)

    def _compare(self, name: str, stored: dict[str, Any] | None, sums: _Sums, file: str, episode: int | None) -> None:
        if stored is None:
            return
        wrong = sums.unlike(stored)
        if wrong is None:
            return
        if name in DEFAULT_FEATURES:
            # LeRobot's own tools leave these as they were; no reader uses them.
            self._stale.add(name)
        else:
            self._report.add(file, f"statistics of {name}: {wrong}", episode)


class _Sums:
    """Minimum, maximum, mean, spread and count of rows, which add up."""

    def __init__(self, low: Any, high: Any, mean: Any, square: Any, count: int) -> None:
        self.low, self.high, self.mean, self.square, self.count = low, high, mean, square, count

    @classmethod
    def of(cls, values: NDArray[Any]) -> _Sums:
        rows = values.astype(np.float64).reshape(len(values), -1)
        mean = rows.mean(axis=0)
        return cls(rows.min(axis=0), rows.max(axis=0), mean, ((rows - mean) ** 2).sum(axis=0), len(rows))

    def plus(self, other: _Sums) -> _Sums:
        count = self.count + other.count
        apart = other.mean - self.mean
        mean = self.mean + apart * other.count / count
        square = self.square + other.square + apart**2 * self.count * other.count / count
        return _Sums(np.minimum(self.low, other.low), np.maximum(self.high, other.high), mean, square, count)

    def unlike(self, stored: dict[str, Any]) -> str | None:
        """In words, the first stored value that is not the computed one; None where all are."""
        mine = {
            "min": self.low,
            "max": self.high,
            "mean": self.mean,
            "std": np.sqrt(self.square / self.count),
            "count": np.array([self.count]),
        }
        scale = np.max(np.abs([self.low, self.high]), axis=0) + (self.high - self.low)
        for name in _BASE:
            if stored.get(name) is None:
                return f"{name} is missing"
            try:
                theirs = np.asarray(stored[name], np.float64).reshape(-1)
            except (TypeError, ValueError):
                return f"{name} holds something else than numbers"
            near = 0.0 if name == "count" else 1e-7 + (1e-6 if name in {"min", "max"} else 1e-3) * scale
            if theirs.shape != np.shape(mine[name]) or not np.all(np.abs(theirs - mine[name]) <= near):
                return f"{name} is {_short(theirs)}, the rows give {_short(mine[name])}"
        return None


def _stored_stats(
    dataset: Dataset, keys: list[str], only: Collection[int] | None
) -> dict[int, dict[str, dict[str, Any]]]:
    """What the table of episodes says of the numeric features, by episode."""
    names = ["episode_index", *(f"stats/{key}/{name}" for key in keys for name in (*_BASE, *SHARES))]
    made: dict[int, dict[str, dict[str, Any]]] = {}
    for path in sorted(dataset.root.glob(EPISODES_GLOB)):
        try:
            table = read_table(path, names)
        except DamagedFile:
            continue  # said when the dataset was opened
        known = to_numpy(table.column("episode_index")) if "episode_index" in table.column_names else None
        if known is None or not is_numbers(known) or not np.isfinite(known).all():
            continue
        if only is not None:
            table = table.filter(np.isin(known, list(only)))
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        numbers: list[Any] = columns.get("episode_index", [])
        for row, index in enumerate(numbers):
            found: dict[str, dict[str, Any]] = {}
            for name, values in columns.items():
                if name != "episode_index" and values[row] is not None:
                    _, key, stat = _parts(name)
                    found.setdefault(key, {})[stat] = values[row]
            made[int(index)] = found
    return made


def _parts(name: str) -> tuple[str, str, str]:
    first, rest = name.split("/", 1)
    key, stat = rest.rsplit("/", 1)
    return first, key, stat


def _locate(episodes: list[EpisodeInfo], row: int) -> tuple[int | None, int | None]:
    for episode in episodes:
        if episode.from_index <= row < episode.to_index:
            return episode.index, row - episode.from_index
    return None, None


def _short(values: NDArray[Any]) -> str:
    numbers = np.asarray(values).reshape(-1)
    return ", ".join(f"{value:.6g}" for value in numbers[:4]) + (" …" if len(numbers) > 4 else "")
