"""The files of a dataset for some of its episodes, perhaps trimmed or with other tasks: links where nothing changes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from robotdata.dataset import episode_table, stats
from robotdata.dataset.camera_info import restated
from robotdata.dataset.data_files import episode_tables
from robotdata.dataset.draft import Draft, counted_info
from robotdata.dataset.episode_list import EpisodeInfo, fault_of
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import video_keys
from robotdata.dataset.files import link_or_copy
from robotdata.dataset.layout import next_file
from robotdata.dataset.next_state import Origin, Tasks, check_next
from robotdata.dataset.reader import Dataset
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.splits import mapped_splits
from robotdata.dataset.stale import carried_stats, stale_notes
from robotdata.dataset.tables import ParquetFile, open_parquet
from robotdata.dataset.tasks import Numbers, TaskPlan, plan_tasks, row_numbers, texts_of
from robotdata.dataset.trims import Range, row_columns, shifted_marks, trimmed_stats
from robotdata.dataset.video_files import Piece, piece_of, write_pieces
from robotdata.dataset.words import planned_of


@dataclass
class _Kept:
    """One episode that stays: what it was, which frames of it are kept, and its new place.

    `numbers` are the task numbers of its kept rows as they were, `tasks` as they become; both None if its rows
    cannot be read. `texts` go into the table of episodes.
    """

    old: EpisodeInfo
    kept: Range
    index: int
    first_row: int
    numbers: Numbers | None
    tasks: Numbers | None = None
    texts: list[str] = field(default_factory=list)
    row: dict[str, Any] = field(default_factory=dict)
    written: int = 0

    @property
    def length(self) -> int:
        return self.kept[1] - self.kept[0]

    @property
    def trimmed(self) -> bool:
        return self.length < self.old.length

    def first_frame(self, key: str) -> int:
        """Return the first kept frame, in its old file."""
        return self.old.videos[key].first_frame + self.kept[0]


class Rewrite:
    """What `base` becomes with only `kept` (ascending) of its episodes, `tasks` for whole ones, and of some a range.

    Tasks go by the task_index of the rows. Raises EditError if rows that cannot be read would have to be moved, and
    CommitError if a new task would become that of other rows.
    """

    def __init__(
        self, base: Dataset, kept: Sequence[EpisodeInfo], tasks: Mapping[int, str], ranges: Mapping[int, Range]
    ) -> None:
        self._base = base
        self._given = dict(tasks)
        self._ranges = dict(ranges)
        self._kept: dict[int, _Kept] = {}
        numbers, self._unread = row_numbers(base, {episode.index for episode in kept})
        first = 0
        for index, episode in enumerate(kept):
            part = ranges.get(episode.index, (0, episode.length))
            own = numbers.get(episode.index)
            self._kept[episode.index] = _Kept(
                episode, part, index, first, own if own is None else own[part[0] : part[1]]
            )
            first += part[1] - part[0]
        self._frames = first
        self._plan = self._plan_tasks()
        for one in self._kept.values():
            self._set_tasks(one, numbers.get(one.old.index))
        self._check_unread()
        self._videos: dict[str, list[Path]] = {}

    def write(self, draft: Draft, about: Mapping[str, Any], progress: Callable[[int, int], None] | None = None) -> None:
        """Write all files into `draft`, with `about` as the sidecar's `made_by`, then read back and check them."""
        keys = video_keys(self._base.features)
        steps = len(keys) + 3
        report = progress or (lambda done, total: None)
        if self._base.tasks or self._plan.texts:
            draft.write_tasks(self._plan)
        self._write_data(draft)
        report(1, steps)
        for done, key in enumerate(keys):
            self._write_videos(draft, key)
            report(2 + done, steps)
        self._write_meta(draft, about)
        changed = [one.index for one in self._kept.values() if self._moved(one)]
        some = range(min(changed), len(self._kept)) if changed else range(0)
        draft.add_notes(check_next(draft.root, self._base, self._origins(), some))
        report(steps, steps)

    def _plan_tasks(self) -> TaskPlan:
        """Numbers that no row has any more are given up, unless some rows cannot be read: these may have them."""
        stay = [one for one in self._kept.values() if one.old.index not in self._given]
        used = {int(n) for one in stay if one.numbers is not None for n in np.unique(one.numbers)}
        named = {text for one in stay for text in one.old.tasks}
        asked = [self._given[index] for index in self._kept if index in self._given]
        return plan_tasks(self._base, used, asked, None if self._unread else named)

    def _set_tasks(self, one: _Kept, before: Numbers | None) -> None:
        """Its task numbers and texts; `before` are those of all its rows. A table that disagrees is left as it was."""
        if one.old.index in self._given:
            number = self._plan.asked[self._given[one.old.index]]
            one.tasks, one.texts = np.full(one.length, number, np.int64), [self._plan.texts[number]]
            return
        one.texts = list(one.old.tasks)
        if one.numbers is None or before is None:
            return
        one.tasks = self._plan.renumber(one.numbers)
        agreed = set(texts_of(self._base, before)) == set(one.old.tasks)
        if not one.old.tasks or (one.trimmed and agreed):
            one.texts = texts_of(self._base, one.numbers)

    def _check_unread(self) -> None:
        for one in self._kept.values():
            if one.numbers is None and self._moved(one):
                raise EditError(
                    f"{self._base.root} cannot be edited like this, because the rows of episode {one.old.index} would "
                    f"change as well: {self._unread[one.old.index]}. Restore that file, or delete the episodes in it"
                )

    def _origins(self) -> list[Origin]:
        made = []
        for one in self._kept.values():
            tasks = None
            if one.old.index in self._given:
                tasks = Tasks(one.texts, np.zeros(one.length, np.int64))
            elif one.numbers is not None:
                tasks = Tasks.of(self._base, one.numbers)
            made.append(Origin(one.old.index, tasks))
        return made

    def _moved(self, one: _Kept) -> bool:
        """Whether the episode's rows are other ones now."""
        old = one.old
        same = one.index == old.index and one.first_row == old.from_index and old.index not in self._given
        return not same or one.trimmed or not np.array_equal(one.tasks, one.numbers)  # type: ignore[arg-type]

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
            if self._unread:  # who brings a missing file back must find its place free
                place = kept[0].old.data_chunk, kept[0].old.data_file_index
            target = draft.data_path(*place)
            if len(kept) == len(episodes) and not any(self._moved(one) for one in kept):
                if path.exists():
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
        """The rows of `table`, the next ones of the episode, that are kept, with their new numbers."""
        if one.tasks is None:
            raise EditError(f"the rows of episode {one.old.index} cannot be read: {self._unread[one.old.index]}")
        first, end = (min(max(side - one.written, 0), table.num_rows) for side in one.kept)
        begin = max(one.written - one.kept[0], 0)
        one.written += table.num_rows
        table = table.slice(first, end - first)
        frame = np.arange(begin, begin + table.num_rows, dtype=np.int64)
        columns = {
            "episode_index": np.full(table.num_rows, one.index, np.int64),
            "index": frame + one.first_row,
            "task_index": one.tasks[begin : begin + table.num_rows],
        }
        if one.trimmed:
            columns |= {"frame_index": frame, "timestamp": (frame / self._base.fps).astype(np.float32)}
        for name, values in columns.items():
            if name not in table.column_names:
                raise EditError(f"{one.old.data_file} has no column {name}, which every row of a dataset has")
            at = table.column_names.index(name)
            kind = table.schema.field(at)
            table = table.set_column(at, kind, pa.array(values).cast(kind.type))
        return table

    def _write_videos(self, draft: Draft, key: str) -> None:
        sources: dict[Path, list[EpisodeInfo]] = {}
        for episode in self._base.episodes:
            if (span := episode.videos.get(key)) is not None:
                sources.setdefault(span.path, []).append(episode)
                if not fault_of(span.path):
                    draft.video_path(key, span.chunk, span.file)
        faults = {path: words for path in sources if (words := fault_of(path))}
        place = (0, 0)
        for path, episodes in sources.items():
            kept = [self._kept[episode.index] for episode in episodes if episode.index in self._kept]
            if not kept or path in faults:
                continue  # a missing one is left as it is: `missing_videos` has refused what would need it
            if faults:  # who brings a missing file back must find its place free
                place = kept[0].old.videos[key].chunk, kept[0].old.videos[key].file
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
                if first not in whole.index.key_frames:
                    raise EditError(_no_keyframe(one, key))
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

    def _write_meta(self, draft: Draft, about: Mapping[str, Any]) -> None:
        base = self._base
        schema = episode_table.episode_schema(base.features)
        table = episode_table.old_table(base, schema).take(pa.array(list(self._kept)))
        if not self._unread and episode_table.missing_numeric(table, base.features):
            found = episode_table.numeric_columns(base, base.features, list(self._kept))
            table = episode_table.with_columns(table, found)
        table = episode_table.with_values(table, self._values(), anew=True)
        counted = "stats/index/min" in table.column_names and not table.column("stats/index/min").null_count
        if counted:
            table = episode_table.with_values(table, self._bookkeeping())
        table = episode_table.with_values(table, self._trimmed_values(table))
        episode_table.write_episodes(draft.episodes_path(), table)
        known, made = base.stats(), episode_table.aggregate(table, base.features, {}, 0)
        splits, notes = mapped_splits(base.info.get("splits"), len(base.episodes), list(self._kept), 0)
        if len(self._kept) < len(base.episodes) or any(one.trimmed for one in self._kept.values()):
            notes += stale_notes(base.root, base.info, base.features, known, made)
        said = {**draft.info, "features": restated(draft.info["features"], self._videos)}
        counts = {"episodes": len(self._kept), "frames": self._frames, "tasks": len(self._plan.texts)}
        info = counted_info(said, **counts, splits=splits)
        entries = [self._entry(one) for one in self._kept.values()]
        sidecar = Sidecar(base.revision + 1, entries, {**base.sidecar.more, "made_by": dict(about)})
        draft.write_meta(carried_stats(made, known), info, sidecar)
        draft.add_notes(notes)

    def _entry(self, one: _Kept) -> dict[str, Any]:
        """What the sidecar says of it: what was planned is done now."""
        entry = {"uuid": None, **one.old.extra, "length": one.length}
        done = {name for name, asked in (("task", self._given), ("trim", self._ranges)) if one.old.index in asked}
        left = {name: value for name, value in planned_of(entry).items() if name not in done}
        entry.pop("planned", None)
        if one.trimmed and "marks" in entry:
            entry["marks"] = shifted_marks(entry["marks"], one.kept)
        return entry | ({"planned": left} if left else {})

    def _trimmed_values(self, table: pa.Table) -> dict[int, dict[str, Any]]:
        """By row of the table: statistics of the episodes of which a part was kept."""
        found = {}
        for row, one in enumerate(self._kept.values()):
            if one.trimmed and one.tasks is not None:
                columns = row_columns(one.kept, self._base.fps, one.index, one.first_row, one.tasks)
                found[row] = trimmed_stats(self._base, one.old, one.kept, columns)
        return found

    def _values(self) -> dict[int, dict[str, Any]]:
        """By row of the table of episodes, what the edit changes in it."""
        return {
            row: {
                "episode_index": one.index,
                "tasks": one.texts,
                "length": one.length,
                "dataset_from_index": one.first_row,
                "dataset_to_index": one.first_row + one.length,
                **one.row,
            }
            for row, one in enumerate(self._kept.values())
        }

    def _bookkeeping(self) -> dict[int, dict[str, Any]]:
        """Statistics of index, episode_index and task_index, which an edit makes stale, by row of the table."""
        made = {}
        for row, one in enumerate(self._kept.values()):
            found = {
                "index": _shifted(_counting(one.length), one.first_row),
                "episode_index": _constant(one.index, one.length),
            }
            if one.tasks is not None and self._moved(one):
                values = np.unique(one.tasks)
                alone = len(values) == 1
                found["task_index"] = _constant(int(values[0]), one.length) if alone else stats.numeric_stats(one.tasks)
            made[row] = episode_table.stats_columns(found)
        return made


@functools.lru_cache(maxsize=256)
def _counting(count: int) -> stats.Stat:
    return stats.numeric_stats(np.arange(count))


def _shifted(stat: stats.Stat, by: int) -> stats.Stat:
    return {name: value if name in {"std", "count"} else value + by for name, value in stat.items()}


def _constant(value: int, count: int) -> stats.Stat:
    return _shifted(stats.numeric_stats(np.zeros(1)), value) | {"count": np.array([count], np.int64)}


def _no_keyframe(one: _Kept, key: str) -> str:
    """Why a video cannot be cut before an episode, and what a person can do."""
    place = one.old.index
    if one.kept[0]:
        return f"episode {place} cannot be trimmed there: frame {one.kept[0]} of camera {key} is not a keyframe"
    return (
        f"episode {place} does not begin with a keyframe of camera {key}, so its frames depend on episode "
        f"{place - 1} before it. Keep all of episode {place - 1}, or delete episode {place} as well"
    )
