"""Read `meta/episodes`: where the rows and frames of each episode are. Statistics are not read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.bounds import RowBudget
from robotdata.dataset.episode_names import named_episode
from robotdata.dataset.errors import DamagedFile, NotADataset, UnsafePath
from robotdata.dataset.features import Features, video_keys
from robotdata.dataset.layout import DATA_GLOB, EPISODES_GLOB, Layout, contained
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.tables import LFS, is_numbers, open_parquet, read_columns, to_list, to_numpy
from robotdata.files import open_real
from robotdata.spool.facts import is_number

_BASE = ("episode_index", "tasks", "length", "dataset_from_index", "dataset_to_index")
_DATA = ("data/chunk_index", "data/file_index")
_POINTER_BYTES = 1024  # larger than any Git LFS pointer
_BYTES_PER_ROW = 8  # number, length and range differ in every row
_VIDEO = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")


@dataclass(frozen=True, slots=True)
class VideoSpan:
    """An episode's frames of one camera: `frames` frames of `path` from `first_frame` on; times in seconds."""

    path: Path
    first_frame: int
    frames: int
    from_timestamp: float
    chunk: int = 0
    file: int = 0


@dataclass(frozen=True, slots=True)
class EpisodeInfo:
    """One episode: rows [from_index, to_index) of the dataset, `length` of them.

    `first_row_in_file`: its first row in `data_file`. `problems`: sentences that say what of it cannot be read.
    `extra`: its entry in the sidecar.
    """

    index: int
    length: int
    tasks: list[str]
    data_file: Path | None
    from_index: int
    to_index: int
    first_row_in_file: int
    videos: dict[str, VideoSpan]
    uuid: str | None = None
    data_chunk: int = 0
    data_file_index: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def number(self) -> int | None:
        """Its number on the pages, from the sidecar; None where that does not say it."""
        number = self.extra.get("number")
        return number if is_number(number) else None

    @property
    def name(self) -> str:
        """Its index and, where it is known, its number, for messages: `episode 7 (#12)`."""
        return named_episode(self.index, self.number)


def read_episodes(
    layout: Layout,
    info: Mapping[str, Any],
    features: Features,
    fps: float,
    sidecar: Sidecar,
    problems: list[str],
) -> list[EpisodeInfo]:
    """Return the episodes in order. Damaged ones are left out and listed in `problems`.

    Raises NotADataset if `info.json` claims episodes but `meta/episodes` has no file, and DamagedFile if no file of it
    can be read.
    """
    files = sorted(layout.root.glob(EPISODES_GLOB))
    if not files:
        if not info.get("total_episodes"):
            return []
        old = " (there is a v2.1 layout beside it)" if (layout.root / "meta/episodes.jsonl").exists() else ""
        raise NotADataset(layout.root, f"it has no meta/episodes/*/*.parquet{old}")
    keys = video_keys(features)
    episodes: list[EpisodeInfo] = []
    budget = RowBudget(info.get("total_episodes"), least=_BYTES_PER_ROW)
    before = len(problems)
    for path in files:
        columns = _columns(layout, path, keys, budget, problems)
        if columns:
            episodes += _Rows(layout, columns, keys, fps, sidecar, len(episodes)).episodes()
    if not episodes and (why := problems[before:]):
        short = (text.removesuffix("; download it again or restore it from a backup") for text in why)
        raise DamagedFile(layout.root / "meta/episodes", "; ".join(short))
    if len({episode.index for episode in episodes}) < len(episodes):
        problems.append("several episodes have the same index; the first of each is used")
        episodes = list({episode.index: episode for episode in reversed(episodes)}.values())[::-1]
    return _with_locations(layout, episodes, problems)


def _columns(
    layout: Layout, path: Path, keys: list[str], budget: RowBudget, problems: list[str]
) -> dict[str, NDArray[Any]]:
    """Return the columns of one file; empty, with a problem, if they cannot be used."""
    names = [*_BASE, *_DATA, *(f"videos/{key}/{part}" for key in keys for part in _VIDEO)]
    try:
        # A symlink may point out of the dataset.
        real = contained(layout.root, str(path.relative_to(layout.root)))
        with open_parquet(real) as file:
            budget.add(real, file.metadata.num_rows, real.stat().st_size)
            table = read_columns(file, real, names)
        columns = {name: _column(table.column(name), name, real) for name in table.column_names}
    except (DamagedFile, UnsafePath) as error:
        problems.append(str(error))
        return {}
    for name in [name for name, values in columns.items() if name != "tasks" and not is_numbers(values)]:
        problems.append(f"{path}: {name} is not numeric")
        del columns[name]
    if not {"length", "dataset_to_index"} & columns.keys():
        problems.append(f"{path} has neither length nor dataset_to_index; its episodes cannot be read")
        return {}
    return columns


def _column(column: Any, name: str, path: Path) -> NDArray[Any]:
    """Return a column as an array. Raises DamagedFile if it holds text that is not UTF-8."""
    if name == "tasks":
        texts = np.empty(len(column), object)
        texts[:] = [_texts(value) for value in to_list(column, path)]
        return texts
    try:
        return to_numpy(column)
    except UnicodeDecodeError as error:
        raise DamagedFile(path, f"{name} holds text that is not UTF-8") from error


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(text) for text in value] if isinstance(value, list) else [str(value)]


class _Rows:
    """The rows of one file of `meta/episodes`, as columns."""

    def __init__(
        self,
        layout: Layout,
        columns: dict[str, NDArray[Any]],
        keys: list[str],
        fps: float,
        sidecar: Sidecar,
        before: int,
    ) -> None:
        self._layout = layout
        self._count = len(next(iter(columns.values())))
        # As lists: taking single numbers out of arrays costs more than all else for thousands of episodes.
        self._columns: dict[str, list[Any]] = {name: values.tolist() for name, values in columns.items()}
        self._names = {key: [f"videos/{key}/{name}" for name in _VIDEO] for key in keys}
        self._fps = fps
        self._sidecar = sidecar
        self._before = before
        self._paths: dict[tuple[str, int, int], Path | str | None] = {}

    def episodes(self) -> list[EpisodeInfo]:
        """Return all episodes of the file."""
        return [self._episode(row) for row in range(self._count)]

    def _int(self, name: str, row: int, default: int) -> int:
        column = self._columns.get(name)
        value = default if column is None else column[row]
        if type(value) is int:
            return value
        return int(value) if value is not None and math.isfinite(value) else default

    def _episode(self, row: int) -> EpisodeInfo:
        index = self._int("episode_index", row, self._before + row)
        first = self._int("dataset_from_index", row, -1)
        length = self._int("length", row, self._int("dataset_to_index", row, 0) - max(first, 0))
        problems: list[str] = []
        if length < 1:
            problems.append(f"episode {index} has length {length}")
            length = max(length, 0)
        chunk, file = self._int(_DATA[0], row, -1), self._int(_DATA[1], row, -1)
        data = self._path("", chunk, file, problems) if chunk >= 0 and file >= 0 else None
        entry = self._sidecar.entry(index, length) if index >= 0 else {}
        tasks = self._columns.get("tasks")
        return EpisodeInfo(
            index=index,
            length=length,
            tasks=list(tasks[row]) if tasks is not None else [],
            data_file=data,
            from_index=first,
            to_index=first + length if first >= 0 else -1,
            first_row_in_file=-1,
            videos=self._videos(row, index, length, problems),
            uuid=entry.get("uuid"),
            data_chunk=max(chunk, 0),
            data_file_index=max(file, 0),
            extra=entry,
            problems=problems,
        )

    def _videos(self, row: int, index: int, length: int, problems: list[str]) -> dict[str, VideoSpan]:
        spans = {}
        for key, (chunks, files, begin_name, _) in self._names.items():
            chunk, file = self._int(chunks, row, -1), self._int(files, row, -1)
            begins = self._columns.get(begin_name)
            if chunk < 0 or file < 0 or begins is None or not math.isfinite(begins[row]):
                problems.append(f"episode {index} does not say where its frames of {key} are")
                continue
            path = self._path(key, chunk, file, problems)
            if path is not None:
                begin = float(begins[row])
                spans[key] = VideoSpan(path, max(0, round(begin * self._fps)), length, begin, chunk, file)
        return spans

    def _path(self, key: str, chunk: int, file: int, problems: list[str]) -> Path | None:
        """Return the path of a file; None, with a problem, if it leads out of the dataset."""
        key_and_numbers = (key, chunk, file)
        if key_and_numbers not in self._paths:
            self._paths[key_and_numbers] = self._resolve(key, chunk, file)
        path = self._paths[key_and_numbers]
        if isinstance(path, str):
            problems.append(path)
            return None
        return path

    def _resolve(self, key: str, chunk: int, file: int) -> Path | str | None:
        """Return the path of a file; why it cannot be used, as text; None if it has no name."""
        layout = self._layout
        try:
            path = layout.video_file(key, chunk, file) if key else layout.data_file(chunk, file)
        except UnsafePath as error:
            return str(error)
        return path if path.name else None


def _with_locations(layout: Layout, episodes: list[EpisodeInfo], problems: list[str]) -> list[EpisodeInfo]:
    """Fill in ranges and data files that the table omits, and add a problem for each missing file."""
    files = None
    located = []
    position = 0
    first_of_file: dict[Path, int] = {}
    file_problems: dict[Path, str] = {}
    for episode in episodes:
        first = episode.from_index if episode.from_index >= 0 else position
        data = episode.data_file
        if data is None and not episode.problems:
            files = _row_counts(layout, problems) if files is None else files
            data = next((path for path, begin, end in files if begin <= first < end), None)
            first_of_file.update({path: begin for path, begin, _ in files if path == data})
        if data is not None:
            first_of_file.setdefault(data, first)
        located.append(_placed(episode, first, data, first_of_file, file_problems))
        position = first + episode.length
    return located


def _placed(
    episode: EpisodeInfo, first: int, data: Path | None, first_of_file: dict[Path, int], file_problems: dict[Path, str]
) -> EpisodeInfo:
    problems: list[str] = []
    for path in (data, *(span.path for span in episode.videos.values())):
        if path is None:
            continue
        if path not in file_problems:
            file_problems[path] = file_problem(path)
        if file_problems[path]:
            problems.append(f"{path} {file_problems[path]}; episode {episode.index} is incomplete")
    if data is None:
        problems.append(f"no data file holds the rows of episode {episode.index}")
    row = first - first_of_file.get(data, first) if data else 0
    if not problems and data is episode.data_file and first == episode.from_index:
        # Nobody has it yet. Making each of thousands a second time takes as long as reading them.
        object.__setattr__(episode, "first_row_in_file", row)
        return episode
    return EpisodeInfo(
        index=episode.index,
        length=episode.length,
        tasks=episode.tasks,
        data_file=data,
        from_index=first,
        to_index=first + episode.length,
        first_row_in_file=row,
        videos=episode.videos,
        uuid=episode.uuid,
        data_chunk=episode.data_chunk,
        data_file_index=episode.data_file_index,
        extra=episode.extra,
        problems=[*episode.problems, *problems],
    )


def file_problem(path: Path) -> str:
    """Return why a file cannot be read, as far as its size and first bytes show; empty if it may be readable."""
    try:
        size = path.stat().st_size if path.is_file() else 0
        if not size:
            return "is missing or empty"
        if size <= _POINTER_BYTES and _begins(path, LFS):
            return "is a Git LFS pointer, not the file; run `git lfs pull`"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _begins(path: Path, head: bytes) -> bool:
    """Return whether the file begins with `head`."""
    with os.fdopen(open_real(path), "rb") as file:
        return file.read(len(head)) == head


def _row_counts(layout: Layout, problems: list[str]) -> list[tuple[Path, int, int]]:
    """Return (path, first row, end row) of each data file, in path order."""
    counts, begin = [], 0
    for path in sorted(layout.root.glob(DATA_GLOB)):
        try:
            real = contained(layout.root, str(path.relative_to(layout.root)))
            with open_parquet(real) as file:
                count = file.metadata.num_rows
        except (DamagedFile, UnsafePath) as error:
            problems.append(str(error))
            continue
        counts.append((real, begin, begin + count))
        begin += count
    return counts
