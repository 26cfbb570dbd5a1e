"""Verify a dataset from its files alone, and report what is wrong and where. It does not know how it was written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from robotdata.capture.actions import ACTIONS
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DamagedFile, DatasetError
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.layout import DATA_GLOB, EPISODES_GLOB, INFO, SIDECAR, TASKS, VIDEO_GLOB
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import open_parquet, read_table
from robotdata.dataset.verify.hashes import HashCheck
from robotdata.dataset.verify.pictures import PictureCheck
from robotdata.dataset.verify.report import Gathered, Problem, Report
from robotdata.dataset.verify.rows import Read, RowCheck
from robotdata.dataset.verify.stats import StoredStats, check_derived, stored_stats
from robotdata.dataset.verify.streams import check_streams
from robotdata.dataset.verify.videos import check_video_file
from robotdata.numbers import count as count_of

__all__ = ["Problem", "Report", "verify_dataset"]

Progress = Callable[[int, int], None]
_ROWS = ("episode_index", "length", "dataset_from_index", "dataset_to_index")
_PLACE = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")


def verify_dataset(
    root: Path | str,
    *,
    deep: bool = False,
    episodes: range | None = None,
    progress: Progress | None = None,
    opened: DatasetFolder | None = None,
    read: Read | None = None,
) -> Report:
    """Check the dataset in `root`. Problems are reported, never raised.

    Always checked: counters, tasks, indices, timestamps, ranges, files, packet counts, and numeric statistics, which
    are recomputed. With `deep`, every frame is decoded, statistics of cameras are compared with the frames, and the
    hash of every file is checked. With `episodes`, only these episodes and their files are read. `progress(files done,
    all files)` may raise to cancel. `opened`: the same dataset, if it is open already. `read` is called with each data
    file's path and numeric columns, (rows,) or (rows, n), if all default columns are there and none has a null.
    """
    root = Path(root).resolve()
    report = Report(root)
    try:
        dataset = opened or DatasetFolder.open(root)
    except DatasetError as error:
        report.add(getattr(error, "path", root / INFO), str(error))
        return report
    report.numbers = {episode.index: episode.number for episode in dataset.episodes}
    _Verifier(dataset, report, deep, episodes, progress or _silent, read).run()
    return report


class _Verifier:
    """Runs all checks of one dataset."""

    def __init__(
        self,
        dataset: DatasetFolder,
        report: Report,
        deep: bool,
        only: range | None,
        progress: Progress,
        read: Read | None,
    ) -> None:
        self._dataset = dataset
        self._report = report
        self._deep = deep
        self._whole = only is None
        every = range(len(dataset.episodes))
        self._episodes = [e for n, e in enumerate(dataset.episodes) if n in (every if only is None else only)]
        self._progress = progress
        self._read = read

    def run(self) -> None:
        """Run the checks and add their results to the report."""
        dataset, report = self._dataset, self._report
        report.episodes = len(self._episodes)
        for problem in dataset.problems:
            report.add(dataset.root / INFO, problem)
        self._tasks()
        self._tables()
        self._counters()
        self._order()
        self._sidecar()
        data = self._files_of(lambda episode: [episode.data_file] if episode.data_file else [])
        videos = {key: self._files_of(_video_of(key)) for key in dataset.video_keys}
        stored = stored_stats(dataset) if self._whole or self._deep else {}
        self._contents(data, videos, stored)
        if self._whole:
            check_derived(dataset, report, stored)
        self._places()
        if self._whole:
            self._strangers(set(data), {path for files in videos.values() for path in files})

    def _contents(
        self, data: dict[Path, list[EpisodeInfo]], videos: dict[str, dict[Path, list[EpisodeInfo]]], stored: StoredStats
    ) -> None:
        """Check rows, videos, statistics of frames, and hashes."""
        total = len(data) + sum(len(files) for files in videos.values())
        done = 0
        only = None if self._whole else {episode.index for episode in self._episodes}
        rows = RowCheck(self._dataset, self._report, only=only, read=self._read)
        hashes = HashCheck(self._dataset.sidecar, self._report) if self._deep else None
        for path, episodes in data.items():
            rows.check_file(path, episodes)
            if hashes:
                hashes.check(path, episodes, video=False)
            done += 1
            self._progress(done, total)
        rows.finish()
        pictures = PictureCheck(self._dataset, self._report, stored) if self._deep else None
        for key, files in videos.items():
            for path, episodes in files.items():
                before = self._report.count
                counter = pictures.counter(key, episodes) if pictures else None
                look = counter.look if counter else None
                index = check_video_file(self._dataset, key, path, episodes, self._report, deep=self._deep, look=look)
                if hashes:
                    hashes.check(path, episodes, video=True)
                if pictures and counter and index and self._report.count == before:
                    pictures.add(counter, index)  # otherwise its frames are not those that the statistics count
                done += 1
                self._progress(done, total)
            if self._whole:
                check_streams(self._dataset, key, files, self._report)
        if pictures:
            pictures.finish()

    def _files_of(self, paths: Callable[[EpisodeInfo], list[Path]]) -> dict[Path, list[EpisodeInfo]]:
        """Return the files of the checked episodes, each with all episodes that refer to it."""
        checked = {path for episode in self._episodes for path in paths(episode)}
        episodes_of: dict[Path, list[EpisodeInfo]] = {path: [] for path in sorted(checked)}
        for episode in self._dataset.episodes:
            for path in paths(episode):
                if path in episodes_of:
                    episodes_of[path].append(episode)
        return episodes_of

    def _tasks(self) -> None:
        """Check the table of tasks."""
        path = self._dataset.root / TASKS
        if not path.is_file() and not self._dataset.episodes:
            self._report.note("it has no episodes; LeRobot records into it, and loads it when it has one")
            return
        if not path.is_file():
            self._report.add(path, "is missing; LeRobot does not load the dataset without it")
            return
        try:
            table = read_table(path, root=self._dataset.root)
        except DamagedFile as error:
            self._report.add(path, str(error))
            return
        numbers = table.column("task_index").to_pylist() if "task_index" in table.column_names else []
        wrong = next((n for n, number in enumerate(numbers) if number != n), None)
        if wrong is not None:
            self._report.add(path, f"row {wrong} has task_index {numbers[wrong]}; LeRobot shows a wrong text")
        if b"pandas" not in (table.schema.metadata or {}):
            self._report.add(path, "has no pandas metadata; LeRobot shows a number instead of the text")
        texts = self._dataset.tasks
        repeated = [text for text, count in Counter(texts).items() if count > 1]
        if repeated:
            self._report.add(path, f"names the task {repeated[0]!r:.100} more than once")

    def _tables(self) -> None:
        """Read every column of the tables of episodes, which checks their checksums.

        Report missing columns that LeRobot needs.
        """
        root = self._dataset.root
        needed = [*_ROWS, *(f"videos/{key}/{part}" for key in self._dataset.video_keys for part in _PLACE)]
        for path in sorted(root.glob(EPISODES_GLOB)):
            try:
                table = read_table(path, root=root)
            except DamagedFile as error:
                if str(error) not in self._dataset.problems:
                    self._report.add(path, str(error))
                continue
            for name in needed:
                if name not in table.column_names:
                    self._report.add(path, f"has no column {name}")
            if self._whole:
                self._ends(path, table.to_pydict())

    def _ends(self, path: Path, columns: dict[str, list[Any]]) -> None:
        """Check columns that follow from others: ends of rows and videos, and the file of the episode's row."""
        fps = self._dataset.fps
        ends = {"dataset_to_index": ("dataset_from_index", 1.0, 0.0)}
        for key in self._dataset.video_keys:
            ends[f"videos/{key}/to_timestamp"] = (f"videos/{key}/from_timestamp", float(fps), 0.5 / fps)
        for name, (begin, per, near) in ends.items():
            for n, (first, end, length) in enumerate(_together(columns, begin, name, "length")):
                if abs(end - first - length / per) > near:
                    want = f"{first + length / per:.10g}"
                    self._report.add("meta/episodes", f"{name} is {end:.10g}, should be {want}", _episode(columns, n))
        location = [int(number) for number in re.findall(r"\d+", f"{path.parent.name}/{path.name}")][:2]
        for name, number_there in zip(
            ("meta/episodes/chunk_index", "meta/episodes/file_index"), location, strict=False
        ):
            for n, (number,) in enumerate(_together(columns, name)):
                if number != number_there:
                    self._report.add(path, f"{name} is {number}, it is in {number_there}", _episode(columns, n))

    def _counters(self) -> None:
        """Check the counters and splits of info.json."""
        info, dataset = self._dataset.info, self._dataset
        counted = {
            "total_episodes": len(dataset.episodes),
            "total_frames": dataset.total_frames,
            "total_tasks": len(dataset.tasks),
        }
        for name, count in counted.items():
            if info.get(name) != count:
                self._report.add(INFO, f"{name} is {info.get(name)}, counted {count}")
        splits = info.get("splits")
        if dataset.episodes and isinstance(splits, dict) and splits.get("train") != f"0:{len(dataset.episodes)}":
            self._report.note(
                f"{INFO}: splits is {splits!r:.100}, there are {count_of(len(dataset.episodes), 'episode')}"
            )

    def _order(self) -> None:
        """Check that episodes are numbered in order and that their rows adjoin."""
        expected = 0
        for n, episode in enumerate(self._dataset.episodes):
            where = "meta/episodes"
            if episode.index != n:
                self._report.add(where, f"row {n} is episode {episode.index}; LeRobot finds episodes by row", n)
            if episode.from_index != expected:
                self._report.add(
                    where, f"dataset_from_index is {episode.from_index}, should be {expected}", episode.index
                )
            expected += episode.length

    def _places(self) -> None:
        """Report problems of the episodes: missing files, cameras without a video."""
        keys = set(self._dataset.video_keys)
        gathered = Gathered()
        for episode in self._episodes:
            problems = list(episode.problems)
            problems = problems or [f"no video of {key}" for key in sorted(keys - episode.videos.keys())]
            for problem in problems:
                kind = problem.replace(f"episode {episode.index} ", "the episode ")
                gathered.add(kind, Problem("meta/episodes", episode.index, None, problem))
        gathered.report(self._report, len(self._episodes))

    def _sidecar(self) -> None:
        """Check what the sidecar says of the action, and its entries."""
        stated = self._dataset.sidecar.recorded_action
        if stated and stated not in ACTIONS:
            self._report.add(SIDECAR, f"recorded_action is {stated!r:.60}, want {' or '.join(ACTIONS)}")
        entries = self._dataset.sidecar.episodes
        if not entries:
            return
        for n, episode in enumerate(self._dataset.episodes):
            length = entries[n].get("length") if n < len(entries) else None
            if length != episode.length:
                self._report.note(f"{SIDECAR}: episode {n} was changed by another program since")
                break
        names = [entry["uuid"] for entry in entries if entry.get("uuid")]
        for name, count in Counter(names).items():
            if count > 1:
                self._report.add(SIDECAR, f"UUID {name} stands for {count_of(count, 'episode')}")

    def _strangers(self, data: set[Path], videos: set[Path]) -> None:
        """Report files without episodes, and default features of another dtype."""
        root = self._dataset.root
        for path in sorted(root.glob(DATA_GLOB)):
            if path.resolve() not in data:
                rows = _row_count(path, root)
                self._report.add(path, f"no episode is in this file ({rows}); LeRobot would read it as data")
        for path in sorted(root.glob(VIDEO_GLOB)):
            if path.resolve() not in videos:
                self._report.add(path, "no episode is in this video")
        for key in self._dataset.features.keys() & DEFAULT_FEATURES.keys():
            want: Any = DEFAULT_FEATURES[key]["dtype"]
            if self._dataset.features[key]["dtype"] != want:
                self._report.add(INFO, f"feature {key} has dtype {self._dataset.features[key]['dtype']}, want {want}")


def _together(columns: dict[str, list[Any]], *names: str) -> list[tuple[Any, ...]]:
    """Return the rows of these columns; empty if one is missing or holds something other than numbers."""
    values_by_column = [columns.get(name, []) for name in names]
    numeric = all(isinstance(value, int | float) for values in values_by_column for value in values)
    return list(zip(*values_by_column, strict=False)) if numeric else []


def _episode(columns: dict[str, list[Any]], n: int) -> int | None:
    numbers = columns.get("episode_index", [])
    return numbers[n] if n < len(numbers) and isinstance(numbers[n], int) else None


def _video_of(key: str) -> Callable[[EpisodeInfo], list[Path]]:
    return lambda episode: [episode.videos[key].path] if key in episode.videos else []


def _row_count(path: Path, root: Path) -> str:
    try:
        with open_parquet(path, root=root) as file:
            return f"{count_of(file.metadata.num_rows, 'row')}"
    except DamagedFile as error:
        return str(error)


def _silent(done: int, total: int) -> None:
    pass
