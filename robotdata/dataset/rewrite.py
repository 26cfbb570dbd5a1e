"""The files of a dataset for some of its episodes, perhaps trimmed or with other tasks: links where nothing changes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset import episode_table, stats
from robotdata.dataset.camera_info import restated
from robotdata.dataset.data_files import episode_tables
from robotdata.dataset.draft import Draft, counted_info
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.features import is_camera, video_keys
from robotdata.dataset.files import link_or_copy
from robotdata.dataset.layout import next_file
from robotdata.dataset.reader import Dataset
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.tables import ParquetFile, open_parquet, to_numpy
from robotdata.dataset.trims import Range, row_columns, shifted_marks, trimmed_stats
from robotdata.dataset.video_files import Piece, piece_of, write_pieces
from robotdata.dataset.words import planned_of


@dataclass
class _Kept:
    """One episode that stays: what it was, which frames of it are kept, and its new place."""

    old: EpisodeInfo
    kept: Range
    index: int
    first_row: int
    tasks: list[str]
    row: dict[str, Any] = field(default_factory=dict)
    task_numbers: set[int] = field(default_factory=set)

    @property
    def length(self) -> int:
        return self.kept[1] - self.kept[0]

    @property
    def trimmed(self) -> bool:
        return self.length < self.old.length

    def first_frame(self, key: str) -> int:
        """Of the kept ones, in its old file."""
        return self.old.videos[key].first_frame + self.kept[0]


class Rewrite:
    """What `base` becomes with only `kept` (ascending) of its episodes, `tasks` for whole ones, and of some a range."""

    def __init__(
        self, base: Dataset, kept: Sequence[EpisodeInfo], tasks: Mapping[int, str], ranges: Mapping[int, Range]
    ) -> None:
        self._base = base
        self._texts = dict(tasks)
        self._ranges = dict(ranges)
        self._kept: dict[int, _Kept] = {}
        first = 0
        for index, episode in enumerate(kept):
            part = ranges.get(episode.index, (0, episode.length))
            self._kept[episode.index] = _Kept(episode, part, index, first, self._tasks_of(episode, part))
            first += part[1] - part[0]
        used = {text for one in self._kept.values() for text in one.tasks}
        old = [text for text in base.tasks if text in used]
        self._tasks = old + [t for t in dict.fromkeys(t for k in self._kept.values() for t in k.tasks) if t not in old]
        self._frames = first
        self._videos: dict[str, list[Path]] = {}

    def write(self, draft: Draft, more: Mapping[str, Any], progress: Callable[[int, int], None] | None = None) -> None:
        """All files into `draft`, with `more` in the sidecar, read back and checked."""
        keys = video_keys(self._base.features)
        steps = len(keys) + 3
        report = progress or (lambda done, total: None)
        draft.write_tasks(self._tasks)
        self._write_data(draft)
        report(1, steps)
        for done, key in enumerate(keys):
            self._write_videos(draft, key)
            report(2 + done, steps)
        self._write_meta(draft, more)
        changed = [one.index for one in self._kept.values() if self._moved(one)]
        draft.check(range(min(changed, default=0), len(self._kept)))
        report(steps, steps)

    def _tasks_of(self, episode: EpisodeInfo, part: Range) -> list[str]:
        if episode.index in self._texts:
            return [self._texts[episode.index]]
        if episode.tasks and (len(episode.tasks) == 1 or part == (0, episode.length)):
            return list(episode.tasks)
        numbers = self._base.rows(episode.index, ["task_index"])["task_index"][part[0] : part[1]]
        return list(dict.fromkeys(self._base.tasks[int(number)] for number in numbers))

    def _moved(self, one: _Kept) -> bool:
        """Whether the episode's rows are other ones now."""
        old = one.old
        same = one.index == old.index and one.first_row == old.from_index and old.index not in self._texts
        return (
            not same
            or one.trimmed
            or any(self._base.tasks.index(text) != self._tasks.index(text) for text in one.tasks)
        )

    def _write_data(self, draft: Draft) -> None:
        sources: dict[Path, list[EpisodeInfo]] = {}
        for episode in self._base.episodes:
            if episode.data_file is not None:
                sources.setdefault(episode.data_file, []).append(episode)
                draft.data_path(episode.data_chunk, episode.data_file_index)  # freed: the draft's link goes
        place = (0, 0)
        for path, episodes in sources.items():
            kept = [self._kept[episode.index] for episode in episodes if episode.index in self._kept]
            if not kept:
                continue
            target = draft.data_path(*place)
            if len(kept) == len(episodes) and not any(self._moved(one) for one in kept):
                link_or_copy(path, target)
            else:
                self._copy_rows(path, target)
            for one in kept:
                one.row |= {"data/chunk_index": place[0], "data/file_index": place[1]}
            place = next_file(*place, draft.chunks_size)

    def _copy_rows(self, source: Path, target: Path) -> None:
        with open_parquet(source) as file:
            schema = file.schema_arrow
        with ParquetFile(target, schema) as made:
            for table in episode_tables(source):
                one = self._kept.get(int(table.column("episode_index")[0].as_py()))
                if one is not None and (rows := self._renumbered(table, one)).num_rows:
                    made.write(rows)

    def _renumbered(self, table: pa.Table, one: _Kept) -> pa.Table:
        frame = to_numpy(table.column("frame_index")).astype(np.int64)
        if one.trimmed:
            there = (frame >= one.kept[0]) & (frame < one.kept[1])
            table, frame = table.filter(pa.array(there)), frame[there] - one.kept[0]
        if one.old.index in self._texts:
            tasks: NDArray[np.int64] = np.full(table.num_rows, self._tasks.index(one.tasks[0]), np.int64)
        else:
            tasks = self._renamed(to_numpy(table.column("task_index")))
        one.task_numbers |= set(tasks.tolist())
        columns = {
            "episode_index": np.full(table.num_rows, one.index, np.int64),
            "index": frame + one.first_row,
            "task_index": tasks,
        }
        if one.trimmed:
            columns |= {"frame_index": frame, "timestamp": (frame / self._base.fps).astype(np.float32)}
        for name, values in columns.items():
            at = table.column_names.index(name)
            kind = table.schema.field(at)
            table = table.set_column(at, kind, pa.array(values).cast(kind.type))
        return table

    def _renamed(self, numbers: NDArray[Any]) -> NDArray[np.int64]:
        """Old task numbers as new ones."""
        return np.array([self._tasks.index(self._base.tasks[int(number)]) for number in numbers], np.int64)

    def _write_videos(self, draft: Draft, key: str) -> None:
        sources: dict[Path, list[EpisodeInfo]] = {}
        for episode in self._base.episodes:
            span = episode.videos[key]
            sources.setdefault(span.path, []).append(episode)
            draft.video_path(key, span.chunk, span.file)
        place = (0, 0)
        for path, episodes in sources.items():
            kept = [self._kept[episode.index] for episode in episodes if episode.index in self._kept]
            if not kept:
                continue
            target = draft.video_path(key, *place)
            self._videos.setdefault(key, []).append(target)
            if len(kept) == len(episodes) and not any(one.trimmed for one in kept):
                link_or_copy(path, target)
                starts = [one.old.videos[key].first_frame for one in kept]
            else:
                starts = self._cut(path, kept, key, target)
            for one, start in zip(kept, starts, strict=True):
                self._place(one, key, place, start)
            place = next_file(*place, draft.chunks_size)

    def _cut(self, path: Path, kept: Sequence[_Kept], key: str, target: Path) -> list[int]:
        """Copy the packets of `kept` to `target`; where each begins in it."""
        whole = piece_of(path)
        pieces: list[Piece] = []
        starts, frames = [], 0
        for one in kept:
            first, length = one.first_frame(key), one.length
            last = pieces[-1] if pieces else None
            if last is not None and last.first_frame + last.frames == first:
                pieces[-1] = Piece(path, last.first_frame, last.frames + length, 0, whole.index)
            else:
                pieces.append(Piece(path, first, length, 0, whole.index))
            starts.append(frames)
            frames += length
        write_pieces(pieces, target, self._base.fps)
        return starts

    def _place(self, one: _Kept, key: str, place: tuple[int, int], start: int) -> None:
        fps = self._base.fps
        one.row |= {
            f"videos/{key}/chunk_index": place[0],
            f"videos/{key}/file_index": place[1],
            f"videos/{key}/from_timestamp": start / fps,
            f"videos/{key}/to_timestamp": (start + one.length) / fps,
        }

    def _write_meta(self, draft: Draft, more: Mapping[str, Any]) -> None:
        base = self._base
        schema = episode_table.episode_schema(base.features)
        table = episode_table.old_table(base, schema).take(pa.array(list(self._kept)))
        if episode_table.missing_numeric(table, base.features):
            found = episode_table.numeric_columns(base, base.features, list(self._kept))
            table = episode_table.with_columns(table, found)
        table = episode_table.with_columns(table, self._columns(table))
        table = episode_table.with_values(table, self._trimmed_values(table))
        episode_table.write_episodes(draft.episodes_path(), table)
        known = base.stats()
        totals = episode_table.aggregate(table, base.features, {}, 0)
        for key, feature in base.features.items():
            # Without statistics of its episodes a camera keeps what it had: nobody can recompute them from rows.
            if is_camera(feature) and key not in totals and key in known:
                totals[key] = known[key]
        said = {**draft.info, "features": restated(draft.info["features"], self._videos)}
        info = counted_info(said, episodes=len(self._kept), frames=self._frames, tasks=len(self._tasks))
        entries = [self._entry(one) for one in self._kept.values()]
        draft.write_meta(totals, info, Sidecar(base.revision + 1, entries, {**base.sidecar.more, **more}))

    def _entry(self, one: _Kept) -> dict[str, Any]:
        """What the sidecar says of it: what was planned is done now."""
        entry = {"uuid": None, **one.old.extra, "length": one.length}
        done = {name for name, asked in (("task", self._texts), ("trim", self._ranges)) if one.old.index in asked}
        left = {name: value for name, value in planned_of(entry).items() if name not in done}
        entry.pop("planned", None)
        if one.trimmed and "marks" in entry:
            entry["marks"] = shifted_marks(entry["marks"], one.kept)
        return entry | ({"planned": left} if left else {})

    def _trimmed_values(self, table: pa.Table) -> dict[int, dict[str, Any]]:
        """By row of the table: statistics of the episodes of which a part was kept."""
        found = {}
        for row, one in enumerate(self._kept.values()):
            if one.trimmed:
                old = self._base.rows(one.old.index, ["task_index"])["task_index"][one.kept[0] : one.kept[1]]
                told = one.old.index in self._texts
                tasks = np.full(one.length, self._tasks.index(one.tasks[0])) if told else self._renamed(old)
                columns = row_columns(one.kept, self._base.fps, one.index, one.first_row, tasks)
                found[row] = trimmed_stats(self._base, one.old, one.kept, columns)
        return found

    def _columns(self, table: pa.Table) -> dict[str, list[Any]]:
        """The columns of the table of episodes that the edit changes."""
        columns: dict[str, list[Any]] = {}
        for one in self._kept.values():
            row = {
                "episode_index": one.index,
                "tasks": one.tasks,
                "length": one.length,
                "dataset_from_index": one.first_row,
                "dataset_to_index": one.first_row + one.length,
                **one.row,
            }
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
        counted = "stats/index/min" in table.column_names and not table.column("stats/index/min").null_count
        if counted:
            self._bookkeeping(table, columns)
        return columns

    def _bookkeeping(self, table: pa.Table, columns: dict[str, list[Any]]) -> None:
        """Statistics of index, episode_index and task_index, which an edit makes stale."""
        old = {name: table.column(f"stats/task_index/{name}").to_pylist() for name in stats.NAMES}
        for at, one in enumerate(self._kept.values()):
            found = {
                "index": _shifted(_counting(one.length), one.first_row),
                "episode_index": _constant(one.index, one.length),
            }
            row = episode_table.stats_columns(found)
            row |= {f"stats/task_index/{name}": values[at] for name, values in old.items()}
            if one.task_numbers:
                row |= self._task_stats(one)
            for name, value in row.items():
                columns.setdefault(name, []).append(value)

    def _task_stats(self, one: _Kept) -> dict[str, Any]:
        if len(one.task_numbers) == 1:
            found = _constant(next(iter(one.task_numbers)), one.length)
        else:
            old = self._base.rows(one.old.index, ["task_index"])["task_index"]
            found = stats.numeric_stats(self._renamed(old))
        return episode_table.stats_columns({"task_index": found})


@functools.lru_cache(maxsize=256)
def _counting(count: int) -> stats.Stat:
    return stats.numeric_stats(np.arange(count))


def _shifted(stat: stats.Stat, by: int) -> stats.Stat:
    return {name: value if name in {"std", "count"} else value + by for name, value in stat.items()}


def _constant(value: int, count: int) -> stats.Stat:
    return _shifted(stats.numeric_stats(np.zeros(1)), value) | {"count": np.array([count], np.int64)}
