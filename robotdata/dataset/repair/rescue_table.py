"""Remake the table of episodes from the rows, where it is lost or lacks some; else keep of it what has rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.episode_names import named_episodes
from robotdata.dataset.errors import DatasetError, EditError
from robotdata.dataset.features import Features, video_keys
from robotdata.dataset.layout import EPISODES_GLOB, contained
from robotdata.dataset.repair.survey import DataFile, Place, Survey
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, read_table, to_numpy
from robotdata.dataset.write import episode_table
from robotdata.numbers import count as count_of

_PLACES = ("data/chunk_index", "data/file_index")
_NEEDED = {"episode_index", "length", "dataset_from_index", *_PLACES}
_ROWS = ("episode_index", "frame_index", "index", "task_index")


@dataclass
class RescuedTable:
    """The table of episodes, in `episode_table.episode_schema`. `kept`: their numbers before.

    `before`: how many episodes there were, as far as it is known. `texts`: those of all tasks, by number; of a number
    without one it is `lost_text`.
    """

    table: pa.Table
    kept: list[int]
    before: int
    texts: dict[int, str]


@dataclass(slots=True)
class _Run:
    """The rows of one episode in a data file. `first`: its first row in the dataset as it was; -1 if unknown.

    `stored`: its row in the stored table; -1 if that does not have it.
    """

    number: int
    place: Place
    length: int
    first: int
    tasks: list[int]
    stored: int = -1


def lost_text(number: int) -> str:
    """Return what a task is called whose text no file has any more."""
    return f"task {number} (text lost)"


def rescued_table(
    files: Survey, features: Features, fps: float, texts: Mapping[int, str], found: list[str], left: list[str]
) -> RescuedTable:
    """Return the table of the episodes whose rows can be read. What happens to it is added to `found` and `left`.

    `texts`: the stored task texts by number. Raises EditError if no episode can be told from the next.
    """
    stored = _stored(files, features, found)
    entries = [] if stored is None else _entries(stored)
    covered = _covered(files, entries)
    gone = [entry.number for entry in entries if entry.place not in files.data]
    before = max((entry.number for entry in entries), default=-1) + 1
    if stored is not None and covered and len(covered) == len(files.data):
        _say_gone(gone, left)
        kept = [entry for entry in entries if entry.place in covered]
        table = stored.take(pa.array([entry.stored for entry in kept]))
        return RescuedTable(table, [entry.number for entry in kept], before, dict(texts))
    runs = _runs(files, covered, left)
    if not runs:
        raise EditError(f"{files.root}: no data file says where an episode begins. {' '.join(left[-3:])}")
    _keep_entries(runs, [entry for entry in entries if entry.place not in covered])
    numbers = {run.number for run in runs}
    _say_gone(
        [*gone, *(each.number for each in entries if each.place in files.data and each.number not in numbers)], left
    )
    _count_again(runs, left)
    made = [run for run in runs if run.stored < 0]
    some = f"; {len(runs) - len(made)} others are kept" if len(made) < len(runs) else ""
    if made:
        found.append(f"the table of episodes is made of the rows: {count_of(len(made), 'episode')}{some}")
    if changed := [run.number for run in runs if run.stored >= 0 and run.length != entries[run.stored].length]:
        found.append(
            f"meta/episodes says another length than the rows: that of the rows is taken ({named_episodes(changed)})"
        )
    lost = sorted({number for run in made for number in run.tasks} - texts.keys())
    if lost:
        left.append(f"the texts of {len(lost)} tasks: relabel their episodes, which are called {lost_text(lost[0])!r}")
    texts = {**texts, **{number: lost_text(number) for number in lost}}
    table = _table(files, features, fps, runs, stored, texts, left)
    after = [run.number for run in runs]
    return RescuedTable(table, after, max(before, max(after) + 1), dict(texts))


def _entries(stored: pa.Table) -> list[_Run]:
    """Return the episodes of the stored table, in its order."""
    names = ("episode_index", "length", "dataset_from_index", *_PLACES)
    columns = zip(*(stored.column(name).to_pylist() for name in names), strict=True)
    return [
        _Run(number, (chunk, file), length, first, [], stored=n)
        for n, (number, length, first, chunk, file) in enumerate(columns)
    ]


def _covered(files: Survey, entries: Sequence[_Run]) -> dict[Place, list[_Run]]:
    """Return the entries of each data file whose rows they are, all of them and no others, in the order of the rows."""
    by_place: dict[Place, list[_Run]] = {}
    for entry in entries:
        by_place.setdefault(entry.place, []).append(entry)
    return {
        place: sorted(by_place[place], key=lambda entry: entry.first)
        for place, file in files.data.items()
        if place in by_place
        and all(entry.length > 0 for entry in by_place[place])
        and sum(entry.length for entry in by_place[place]) == file.rows
    }


def _keep_entries(runs: Sequence[_Run], entries: Sequence[_Run]) -> None:
    """Let runs have the stored entry with their number and file, if there is one and only one."""
    found: dict[tuple[int, Place], list[int]] = {}
    for entry in entries:
        found.setdefault((entry.number, entry.place), []).append(entry.stored)
    for run in runs:
        rows = found.pop((run.number, run.place), []) if run.stored < 0 else []
        if len(rows) == 1:
            run.stored = rows[0]


def _say_gone(numbers: Sequence[int], left: list[str]) -> None:
    if numbers:
        left.append(
            f"{count_of(len(numbers), 'episode')}, whose rows are gone: {named_episodes(numbers)}. Record them again"
        )


def _count_again(runs: Sequence[_Run], left: list[str]) -> None:
    """Number the episodes by their order if two have one number."""
    if len({run.number for run in runs}) < len(runs):
        left.append("several episodes have one number in their rows: now they count in the order of the files")
        for number, run in enumerate(runs):
            run.number = number


def _table(
    files: Survey,
    features: Features,
    fps: float,
    runs: Sequence[_Run],
    stored: pa.Table | None,
    texts: Mapping[int, str],
    left: list[str],
) -> pa.Table:
    """Return the rows of `runs`: the stored ones, and new ones for the others."""
    schema = episode_table.episode_schema(features)
    starts = {key: _starts(files, key, runs, fps, stored, left) for key in video_keys(features)}
    new = [n for n, run in enumerate(runs) if run.stored < 0]
    rows = [_row(runs[n], texts, {key: starts[key][n] for key in starts}, fps) for n in new]
    table = episode_table.new_table(rows, schema)
    if stored is not None:
        table = pa.concat_tables([stored, table], promote_options="default")
        place_of = {n: stored.num_rows + at for at, n in enumerate(new)}
        table = table.take(pa.array([place_of.get(n, run.stored) for n, run in enumerate(runs)]))
    ends = np.cumsum([run.length for run in runs]).tolist()
    columns = {"episode_index": [run.number for run in runs], "length": [run.length for run in runs]}
    columns |= {"dataset_from_index": [0, *ends[:-1]], "dataset_to_index": ends}
    return episode_table.with_columns(table, columns)


def _stored(files: Survey, features: Features, found: list[str]) -> pa.Table | None:
    """Return the stored table if all of it can be read and used, else None."""
    schema = episode_table.episode_schema(features)
    parts = []
    for path in sorted(files.root.glob(EPISODES_GLOB)):
        relative = path.relative_to(files.root).as_posix()
        try:
            table = read_table(contained(files.root, relative))
            if not set(table.column_names) >= _NEEDED:
                raise ValueError("it lacks columns")
            parts.append(episode_table.in_schema(table, schema))
        except (DatasetError, pa.ArrowException, ValueError) as error:
            reason = str(error).partition(" cannot be read: ")[2].partition("; download it")[0] or str(error)
            found.append(f"{relative} cannot be used ({reason})")
            return None
    if not parts:
        found.append("meta/episodes is missing")
        return None
    whole = pa.concat_tables(parts, promote_options="default").replace_schema_metadata(None)
    if any(whole.column(name).null_count for name in _NEEDED):
        found.append("meta/episodes does not say where the rows of each episode are")
        return None
    return whole


def _runs(files: Survey, covered: Mapping[Place, list[_Run]], left: list[str]) -> list[_Run]:
    """Return the episodes in the data files, in order: those of `covered`, else by the numbers of their rows."""
    runs: list[_Run] = []
    for place, file in files.data.items():
        if place in covered:
            runs += covered[place]
            continue
        columns = _columns(file)
        edges = _edges(file.rows, columns)
        if edges is None:
            left.append(f"{file.path.relative_to(files.root)}: nothing says where its episodes begin")
            continue
        numbers, index, tasks = (columns.get(name) for name in ("episode_index", "index", "task_index"))
        for begin, end in zip(edges, edges[1:], strict=False):
            number = runs[-1].number + 1 if runs else 0
            number = number if numbers is None else int(numbers[begin])
            used = [] if tasks is None else list(dict.fromkeys(tasks[begin:end].tolist()))
            runs.append(_Run(number, place, end - begin, -1 if index is None else int(index[begin]), used))
    return runs


def _columns(file: DataFile) -> dict[str, NDArray[np.int64]]:
    with open_parquet(file.path) as opened:
        table = read_columns(opened, file.path, _ROWS)
    values = {name: to_numpy(table.column(name)) for name in table.column_names if not table.column(name).null_count}
    return {
        name: each.astype(np.int64)
        for name, each in values.items()
        if is_numbers(each) and bool(np.isfinite(each).all()) and bool((each >= 0).all())
    }


def _edges(rows: int, columns: Mapping[str, NDArray[np.int64]]) -> list[int] | None:
    """Return where episodes begin, and `rows` at the end; None if no column tells it."""
    numbers, frames = columns.get("episode_index"), columns.get("frame_index")
    if numbers is not None and bool((np.diff(numbers) >= 0).all()):
        cuts = np.flatnonzero(np.diff(numbers)) + 1
    elif frames is not None and frames[0] == 0:
        cuts = np.flatnonzero(frames[1:] == 0) + 1
    else:
        return None
    return [0, *(int(cut) for cut in cuts), rows]


def _row(run: _Run, texts: Mapping[int, str], starts: Mapping[str, tuple[Place, int] | None], fps: float) -> Any:
    row: dict[str, Any] = {
        "episode_index": run.number,
        "tasks": [texts[number] for number in run.tasks if number in texts],
        "length": run.length,
        "data/chunk_index": run.place[0],
        "data/file_index": run.place[1],
    }
    for key, start in starts.items():
        if start is not None:
            (chunk, file), frame = start
            row |= {f"videos/{key}/chunk_index": chunk, f"videos/{key}/file_index": file}
            row[f"videos/{key}/from_timestamp"] = frame / fps
            row[f"videos/{key}/to_timestamp"] = (frame + run.length) / fps
    return row


def _starts(
    files: Survey, key: str, runs: Sequence[_Run], fps: float, stored: pa.Table | None, left: list[str]
) -> list[tuple[Place, int] | None]:
    """Return the video and the first frame in it of each episode; None where nothing tells it.

    Frames follow each other like the rows, from video to video. That is certain only if there are as many frames as
    rows, or if the rows of later frames are known to be gone, if no episode goes beyond the end of a video, and if the
    stored entries say the same. An episode with a stored entry keeps what that says.
    """
    videos = list(files.videos.get(key, {}).items())
    ends = np.cumsum([video.frames for _, video in videos]) if videos else np.empty(0, np.int64)
    whole = [place for place, video in videos if video.frames]
    firsts = [run.first for run in runs]
    if not files.lost:  # then they follow each other, whatever their column says
        firsts = np.cumsum([0, *(run.length for run in runs)]).tolist()[:-1]
    total = int(ends[-1]) if len(ends) else 0
    rows = max((first + run.length for first, run in zip(firsts, runs, strict=True)), default=0)
    fits = total == rows or (total > rows and bool(files.lost))
    starts: list[tuple[Place, int] | None] = []
    for run, first in zip(runs, firsts, strict=True):
        n = int(np.searchsorted(ends, first, side="right"))
        inside = first >= 0 and n < len(ends) and first + run.length <= ends[n]
        if fits and inside and len(whole) == len(videos):
            starts.append((videos[n][0], first - (int(ends[n - 1]) if n else 0)))
        else:
            starts.append(None)
    if stored is not None and not _agree(key, runs, starts, fps, stored):
        starts = [None] * len(runs)
    unknown = [run.number for run, start in zip(runs, starts, strict=True) if start is None and run.stored < 0]
    if unknown:
        why = (
            f"its videos have {count_of(total, 'frame')}"
            if len(whole) == len(videos)
            else "not all of its videos can be read"
        )
        left.append(
            f"camera {key}: {why}, the rows say {rows}; nothing tells whose they are ({named_episodes(unknown)})"
        )
    return starts


def _agree(
    key: str, runs: Sequence[_Run], starts: Sequence[tuple[Place, int] | None], fps: float, stored: pa.Table
) -> bool:
    """Return whether every stored entry that names a video of camera `key` names the one in `starts`."""
    parts = ("chunk_index", "file_index", "from_timestamp")
    spans = list(zip(*(stored.column(f"videos/{key}/{part}").to_pylist() for part in parts), strict=True))
    for run, start in zip(runs, starts, strict=True):
        chunk, file, time = spans[run.stored] if run.stored >= 0 else (None, None, None)
        if chunk is None or file is None or time is None:
            continue
        if start is None or start[0] != (chunk, file) or not abs(time * fps - start[1]) < 0.5:
            return False
    return True
