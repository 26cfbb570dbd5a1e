"""Write the data files of the next state.

Unchanged files are linked, rows with changed numbers are copied, and new rows are added at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from robotdata.dataset import stats
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import NUMERIC_DTYPES, is_camera, is_video
from robotdata.dataset.layout import next_file
from robotdata.dataset.tables import ParquetFile, data_schema, data_table, open_parquet
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.brought import brought_tables
from robotdata.dataset.write.data_files import DataWriter, episode_runs, episode_tables
from robotdata.dataset.write.draft import Draft
from robotdata.dataset.write.end_flags import carried_flags
from robotdata.dataset.write.episode_refs import Brought, New, Plan, RowChange, Stored, new_columns
from robotdata.dataset.write.language_rows import cut_language, joined_language, settled, thinned, without_gap
from robotdata.dataset.write.new_episode import to_blame
from robotdata.files.trees import link_or_copy

Place = tuple[int, int]
"""Chunk and file number."""


@dataclass(frozen=True, slots=True)
class FileMove:
    """What happens to a file of the current state: which episodes it keeps, and its new place.

    `whole`: its content is unchanged.
    """

    path: Path
    old: Place
    kept: Sequence[Stored]
    new: Place
    whole: bool

    @property
    def stays(self) -> bool:
        """Whether the file is unchanged and keeps its place."""
        return self.whole and self.new == self.old


def sources_of(plan: Plan, file_of: Callable[[EpisodeInfo], Path | None]) -> dict[Path, list[EpisodeInfo]]:
    """Return the files of the current state with their episodes, in the order of the episodes."""
    sources: dict[Path, list[EpisodeInfo]] = {}
    for episode in plan.base.episodes if plan.base else ():
        if (path := file_of(episode)) is not None:
            sources.setdefault(path, []).append(episode)
    return sources


def plan_moves(
    sources: Mapping[Path, Sequence[EpisodeInfo]],
    plan: Plan,
    place_of: Callable[[EpisodeInfo], Place],
    changes: Callable[[Stored], bool],
    chunks_size: int,
    *,
    close_up: bool,
) -> list[FileMove]:
    """Return the new place of each file of the current state.

    Files before the first changed one keep their places; the others move up to close gaps. Without `close_up` every
    file keeps its place, so that a missing file finds its place free when it is restored.
    """
    parts = parts_by_episode(plan.stored)
    moves: list[FileMove] = []
    in_place, taken = True, [(0, -1)]
    for path, episodes in sources.items():
        kept = [part for episode in episodes for part in parts.get(episode.index, ())]
        old = place_of(episodes[0])
        is_unchanged = len(kept) == len(episodes) and not any(changes(part) for part in kept)
        in_place = in_place and is_unchanged
        stay = in_place or not close_up
        new = old if stay else next_file(*max(taken), chunks_size) if len(taken) > 1 else (0, 0)
        if kept:
            taken.append(new)
        moves.append(FileMove(path, old, kept, new, is_unchanged))
    return moves


def parts_by_episode(stored: Iterable[Stored]) -> dict[int, list[Stored]]:
    """Return what becomes of each episode of the current state: one part, or several of an episode that is cut."""
    parts: dict[int, list[Stored]] = {}
    for part in stored:
        parts.setdefault(part.old.index, []).append(part)
    return parts


def write_rows(plan: Plan, draft: Draft) -> None:
    """Write all data files. Set in each part's `row` where its rows are, and for new episodes their statistics."""
    if plan.rows is not None:
        return rewrite_rows(plan, draft, plan.rows)
    moves = _write_stored(plan, draft)
    if plan.added:
        _write_new(plan, draft, max(moves, key=lambda move: move.new, default=None))


def rewrite_rows(plan: Plan, draft: Draft, change: RowChange) -> None:
    """Rewrite the rows of all stored episodes with other columns; memory holds those of one episode."""
    sources = sources_of(plan, lambda episode: episode.data_file)
    for episode in plan.base.episodes if plan.base else ():
        draft.data_path(episode.data_chunk, episode.data_file_index)  # removes the link in the draft
    with ExitStack() as stack:
        writer: DataWriter | None = None
        for part, table in _changed_tables(plan, sources, change):
            if writer is None:
                writer = DataWriter(table.schema, draft.data_path, draft.data_limit, draft.chunks_size)
                stack.enter_context(writer)
            part.row["data/chunk_index"], part.row["data/file_index"] = writer.add(table)


def _changed_tables(plan: Plan, sources: Iterable[Path], change: RowChange) -> Iterator[tuple[Stored, pa.Table]]:
    """Yield each stored episode with all its rows, changed."""
    parts = parts_by_episode(plan.stored)
    for path in sources:
        ready: dict[int, list[pa.Table]] = {}
        written: dict[int, int] = {}
        for table in episode_tables(path):
            number = int(table.column("episode_index")[0].as_py())
            for part in parts.get(number, ()):
                before = written.get(number, 0)
                rows = renumbered(plan, table, part, before)
                own = ready.setdefault(part.index, [])
                if rows.num_rows:
                    own.append(change(rows, part, sum(each.num_rows for each in own)))
                if own and sum(each.num_rows for each in own) == part.length:
                    yield part, pa.concat_tables(ready.pop(part.index))
            written[number] = written.get(number, 0) + table.num_rows


def _write_stored(plan: Plan, draft: Draft) -> list[FileMove]:
    """Link or copy the data files that keep an episode, and return their moves."""
    sources = sources_of(plan, lambda episode: episode.data_file)

    def place_of(episode: EpisodeInfo) -> Place:
        return episode.data_chunk, episode.data_file_index

    moves = plan_moves(sources, plan, place_of, lambda part: part.moved, draft.chunks_size, close_up=not plan.unread)
    for move in moves:
        if not move.stays:
            draft.data_path(*move.old)  # removes the link in the draft
    for move in moves:
        if not move.kept:
            continue
        if not move.whole:
            _copy_rows(plan, move, draft.data_path(*move.new))
        elif not move.stays and move.path.exists():
            link_or_copy(move.path, draft.data_path(*move.new))
        for part in move.kept:
            part.row |= {"data/chunk_index": move.new[0], "data/file_index": move.new[1]}
    return [move for move in moves if move.kept]


def _copy_rows(plan: Plan, move: FileMove, target: Path) -> None:
    """Copy the kept rows of a data file with their new numbers."""
    parts = parts_by_episode(move.kept)
    written = dict.fromkeys(parts, 0)
    with open_parquet(move.path) as file, ParquetFile(target, file.schema_arrow) as output:
        for table, runs in episode_runs(file, move.path):
            kept = [(part, begin, end) for index, begin, end in runs for part in parts.get(index, ())]
            together = len({part.old.index for part, _, _ in kept}) == len(kept) and not any(
                part.trimmed or part.tasks is None for part, _, _ in kept
            )
            if together:
                table = _all_renumbered(table, kept, written)
            for index, begin, end in runs:
                for part in parts.get(index, ()):
                    rows = table.slice(begin, end - begin)
                    if not together:
                        rows = renumbered(plan, rows, part, written[index])
                    if rows.num_rows:
                        output.write(rows)
                if index in parts:
                    written[index] += end - begin


def _all_renumbered(table: pa.Table, kept: Sequence[tuple[Stored, int, int]], written: Mapping[int, int]) -> pa.Table:
    """Return `table` with the new numbers of these runs of rows, of which none is cut; other rows get zeros.

    `written`: how many rows of an episode came before.
    """
    numbers = {name: np.zeros(table.num_rows, np.int64) for name in ("episode_index", "index", "task_index")}
    for part, begin, end in kept:
        before = written[part.old.index]
        first_row = part.first_row + before
        numbers["episode_index"][begin:end] = part.index
        numbers["index"][begin:end] = np.arange(first_row, first_row + end - begin)
        if part.tasks is not None:
            numbers["task_index"][begin:end] = part.tasks[before : before + end - begin]
    path = kept[0][0].old.data_file if kept else None
    for name, values in numbers.items() if kept else ():
        table = _with_numbers(table, name, values, path)
    return table


def _with_numbers(table: pa.Table, name: str, values: Any, path: Path | None) -> pa.Table:
    """Return the table with these values in one of its columns, in the column's type."""
    if name not in table.column_names:
        raise EditError(f"{path} has no column {name}, which every row of a dataset has")
    position = table.column_names.index(name)
    kind = table.schema.field(position)
    return table.set_column(position, kind, pa.array(values).cast(kind.type))


def renumbered(plan: Plan, table: pa.Table, part: Stored, before: int) -> pa.Table:
    """Return the kept rows of `table` with their new numbers; it begins at row `before` of the episode."""
    if part.tasks is None:
        raise EditError(f"the rows of {part.old.name} cannot be read: {plan.unread[part.old.index]}")
    if part.ref.gap is not None:
        begin, table = without_gap(table, part.ref.runs, before)
        if plan.base is not None:
            table = joined_language(table, part.ref.gap, part.old.length, plan.base.fps)
        return _numbered(plan, table, part, begin)
    first, end = (min(max(side - before, 0), table.num_rows) for side in part.kept)
    begin = len(range(part.kept[0], before, part.ref.step))
    table = table.slice(first, end - first)
    if part.ref.step > 1:  # begin with the first kept frame that is in this table
        skipped = part.kept[0] + begin * part.ref.step - before - first
        table = thinned(table, np.arange(skipped, table.num_rows, part.ref.step, dtype=np.int64))
    if plan.base is not None:
        table = cut_language(table, part.kept, part.old.length, plan.base.fps)
    if part.ref.step > 1:
        table = settled(table, part.length, plan.fps)
    return _numbered(plan, table, part, begin)


def _numbered(plan: Plan, table: pa.Table, part: Stored, begin: int) -> pa.Table:
    """Return kept rows with their new numbers; the first of them is row `begin` of the new episode."""
    if part.tasks is None:
        raise EditError(f"the rows of {part.old.name} cannot be read: {plan.unread[part.old.index]}")
    frame = np.arange(begin, begin + table.num_rows, dtype=np.int64)
    columns = {
        "episode_index": np.full(table.num_rows, part.index, np.int64),
        "index": frame + part.first_row,
        "task_index": part.tasks[begin : begin + table.num_rows],
    }
    if part.trimmed:
        columns |= {"frame_index": frame, "timestamp": (frame / plan.fps).astype(np.float32)}
    if plan.base is not None and table.num_rows and begin + table.num_rows == part.length:
        flags = carried_flags(plan.base, part.old, part.frames)
        columns |= {name: values[begin:] for name, values in flags.items()}
    for name, values in columns.items():
        table = _with_numbers(table, name, values, part.old.data_file)
    return table


def _write_new(plan: Plan, draft: Draft, last: FileMove | None) -> None:
    """Write the rows of added episodes one after the other, so that memory holds the rows of one."""
    schema = _schema(plan)
    tables = chain(_new_tables(plan, schema), brought_tables(plan.brought, schema))
    with DataWriter(schema, draft.data_path, draft.data_limit, draft.chunks_size) as writer:
        for number, (part, table) in enumerate(tables):
            if last is not None and number == 0:
                last_path = last.path if last.stays else draft.layout.data_file(*last.new)
                writer.continue_file(last_path, *last.new, table)
            part.row["data/chunk_index"], part.row["data/file_index"] = writer.add(table)


def _schema(plan: Plan) -> pa.Schema:
    """Return the columns of added rows: the declared ones; for rows of other datasets those of the stored rows."""
    if not plan.brought:
        return data_schema(plan.features, images=plan.imported)
    own = [part.source.episode for part in plan.brought if part.source.dataset is plan.base]
    for episode in [*(part.old for part in reversed(plan.stored)), *own]:
        path = episode.data_file
        if path is not None and path.is_file():
            with open_parquet(path) as file:
                return file.schema_arrow
    return data_schema(plan.features)


def _new_tables(plan: Plan, schema: pa.Schema) -> Iterator[tuple[New | Brought, pa.Table]]:
    """Yield new episodes with their rows; their statistics are added to their entries."""
    for part in plan.new:
        with to_blame(part.source):
            columns = new_columns(plan, part)
            table = data_table(schema, columns)
            part.row |= episode_table.stats_columns(_stats(plan, part, columns))
        yield part, table


def _stats(plan: Plan, part: New, columns: Mapping[str, Any]) -> dict[str, stats.Stat]:
    """Return the statistics of the numeric features, and those given of images inside the Parquet files."""
    result = {}
    for key, feature in plan.features.items():
        if feature["dtype"] in NUMERIC_DTYPES:
            values = columns["frame_index"] / plan.fps if key == "timestamp" else columns[key]
            if (stat := episode_table.feature_stats(feature, np.asarray(values))) is not None:
                result[key] = stat
        elif is_camera(feature) and not is_video(feature):
            result[key] = stats.from_json(part.source.camera_stats[key])
    return result
