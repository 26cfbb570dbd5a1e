"""Examine a dataset v3.0 completely before anything is written: what a repair puts right, and what it cannot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from robotdata.dataset.convert.old_rows import RECORDED_TIME
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import Features
from robotdata.dataset.layout import STATS, TASKS, Layout
from robotdata.dataset.reader import DatasetFolder, features_of
from robotdata.dataset.repair.counts import new_info
from robotdata.dataset.repair.findings import RepairReport
from robotdata.dataset.repair.rows import COUNTED, EpisodeRows, carries_times, numbers_by_place, read_rows
from robotdata.dataset.repair.statistics import NewStats, new_totals, plan_stats
from robotdata.dataset.repair.tasks import NewTasks, plan_new_tasks
from robotdata.dataset.repair.videos import Starts, plan_starts
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.base_state import refuse_problems

_TIME_S = 1e-4
_WORDS = {
    "episode_index": "rows with a wrong episode_index",
    "frame_index": "rows whose frame_index does not count from 0",
    "index": "rows with a wrong index",
}


@dataclass
class Examined:
    """A dataset and its next state, as far as it is known before files are written.

    `table`: the stored table of episodes, with the columns of the new features. `values`: what is replaced in it, by
    episode. `keep_times`: whether the stored timestamps become a column of their own.
    """

    base: DatasetFolder
    report: RepairReport
    rows: list[EpisodeRows]
    tasks: NewTasks
    starts: Starts
    stats: NewStats
    info: dict[str, Any]
    features: Features
    table: pa.Table
    values: dict[int, dict[str, Any]]
    keep_times: bool


def examine(root: Path) -> RepairReport:
    """Read all rows and the index of every video of the dataset in `root`; nothing is decoded or written.

    Raises EditError if it cannot be repaired at all, and the errors of `DatasetFolder.open`.
    """
    return examined(DatasetFolder.open(root.resolve())).report


def examined(base: DatasetFolder) -> Examined:
    """Return what a repair of `base` writes, with the report. Raises EditError and DamagedFile."""
    if not base.episodes:
        raise EditError(f"{base.root} has no episodes: there is nothing to repair")
    refuse_problems(base)
    order = sorted(range(len(base.episodes)), key=lambda n: base.episodes[n].index)
    base = replace(base, episodes=[base.episodes[n] for n in order])
    report = RepairReport(base.root, len(base.episodes), numbers=numbers_by_place(base))
    left = report.left
    rows = read_rows(base, left)
    report.frames = sum(each.length for each in rows)
    tasks = plan_new_tasks(base, rows, left)
    starts, at_rate = plan_starts(base, rows, left)
    if not at_rate and any(each.wrong.get("timestamp") for each in rows):
        raise EditError(
            f"{base.root}: neither the timestamps nor the frames of its videos are at n / {base.fps}. If fps in "
            "meta/info.json is wrong, correct it there; else the videos have to be encoded again"
        )
    keep_times = RECORDED_TIME not in base.features and carries_times(rows)
    counts = {"episodes": len(rows), "frames": report.frames, "tasks": len(tasks.plan.texts)}
    info, changed = new_info(base.info, **counts, keep_times=keep_times)
    features = features_of(base.root, info)
    table = episode_table.old_table(base, episode_table.episode_schema(features))
    if table.num_rows != len(rows):
        raise EditError(f"{base.root}: meta/episodes names an episode twice, and nothing says which one is right")
    if order != sorted(order):
        report.add(
            "ranges", "meta/episodes does not list the episodes by their numbers, and LeRobot takes them in turn"
        )
        table = table.take(pa.array(order))
    stats = plan_stats(base, table, rows, tasks, starts, keep_times=keep_times, left=left)
    values = _values(base, table, rows, tasks, starts)
    languages = [key for key, feature in features.items() if feature["dtype"] == "language"]
    _report_rows(report, rows, tasks, languages, keep_times=keep_times)
    _report_table(report, values)
    if tasks.rewrite:
        report.add("tasks", f"{TASKS} {tasks.rewrite}: it is written again")
    _report_stats(report, base, table, stats, features)
    if changed:
        report.add("info", f"meta/info.json: {'; '.join(changed)}")
    return Examined(base, report, rows, tasks, starts, stats, info, features, table, values, keep_times)


def task_changes(rows: EpisodeRows, tasks: NewTasks) -> int:
    """Return how many rows of an episode get another task number."""
    numbers = tasks.numbers[rows.number]
    if numbers is None or rows.path is None:
        return 0
    return rows.length if rows.tasks is None else int((rows.tasks != numbers).sum())


def _values(
    base: DatasetFolder, table: pa.Table, all_rows: list[EpisodeRows], tasks: NewTasks, starts: Starts
) -> dict[int, dict[str, Any]]:
    """Return the values of the table of episodes that differ from what they should be, by episode."""
    right: dict[int, dict[str, Any]] = {}
    for rows in all_rows:
        row: dict[str, Any] = {
            "episode_index": rows.number,
            "tasks": tasks.texts[rows.number],
            "length": rows.length,
            "dataset_from_index": rows.first_row,
            "dataset_to_index": rows.first_row + rows.length,
        }
        if rows.path is not None and (place := _place(base, rows.path)) is not None:
            row |= {"data/chunk_index": place[0], "data/file_index": place[1]}
        for key, start in starts.get(rows.number, {}).items():
            row[f"videos/{key}/from_timestamp"] = start / base.fps
            row[f"videos/{key}/to_timestamp"] = (start + rows.length) / base.fps
        right[rows.number] = row
    names = {name for row in right.values() for name in row}
    stored = {name: table.column(name).to_pylist() for name in names}
    return {
        n: {name: value for name, value in row.items() if not _same(stored[name][n], value)} for n, row in right.items()
    }


def _place(base: DatasetFolder, path: Path) -> tuple[int, int] | None:
    """Return chunk and file number of a data file; None if its path does not tell them."""
    numbers = [int(digits) for digits in re.findall(r"\d+", f"{path.parent.name}/{path.name}")][:2]
    if len(numbers) < 2 or Layout.of(base.root, base.info).data_file(*numbers) != path:
        return None
    return numbers[0], numbers[1]


def _same(stored: Any, right: Any) -> bool:
    if isinstance(right, float):
        return isinstance(stored, float) and abs(stored - right) <= _TIME_S
    return bool(stored == right)


def _report_rows(
    report: RepairReport, all_rows: list[EpisodeRows], tasks: NewTasks, languages: list[str], *, keep_times: bool
) -> None:
    """Add what is wrong with the columns of the rows. `languages`: the features with times inside."""
    clocked = {rows.number: n for rows in all_rows if (n := rows.wrong.get("timestamp", 0))}
    if clocked:
        text = "timestamps that are not frame_index / fps become so"
        text += f"; the old ones are kept in the column {RECORDED_TIME}" if keep_times else ""
        report.add("timestamps", text, clocked, sum(clocked.values()))
        if languages:
            report.left.append(f"the times inside {', '.join(languages)} stay those of the old timestamps")
    for name in COUNTED:
        wrong = {rows.number: n for rows in all_rows if (n := rows.wrong.get(name, 0))}
        if wrong:
            report.add(name, f"{_WORDS[name]} are counted again", wrong, sum(wrong.values()))
    moved = {rows.number: n for rows in all_rows if (n := task_changes(rows, tasks))}
    if moved:
        text = "rows get the task number that belongs to their text"
        report.add("task_index", text, moved, sum(moved.values()))
    if tasks.guessed:
        report.add("task_index", "rows without a task number get that of the table's text", tasks.guessed)


def _report_table(report: RepairReport, values: Mapping[int, Mapping[str, Any]]) -> None:
    """Add what is wrong with the table of episodes."""
    kinds: dict[str, list[int]] = {}
    for number, row in values.items():
        for kind in {_kind(name) for name in row}:
            kinds.setdefault(kind, []).append(number)
    texts = {
        "episode_tasks": "the table of episodes names other tasks than the rows, which are right: training uses them",
        "videos": "the place of frames in their video is wrong, and is counted again in the order of the episodes",
        "ranges": "number, length or range of rows in the table of episodes are not those of the rows",
    }
    for kind, text in texts.items():
        if kind in kinds:
            report.add(kind, text, sorted(kinds[kind]))


def _kind(column: str) -> str:
    return "episode_tasks" if column == "tasks" else "videos" if column.startswith("videos/") else "ranges"


def _report_stats(
    report: RepairReport,
    base: DatasetFolder,
    table: pa.Table,
    stats: NewStats,
    features: Features,
) -> None:
    """Add which statistics are missing or stale."""
    for code, by_key, what in (
        ("missing_statistics", stats.missing, "are incomplete"),
        ("statistics", stats.stale, "are not those of the rows"),
    ):
        if by_key:
            numbers = sorted({n for each in by_key.values() for n in each})
            report.add(code, f"statistics of {_listed(list(by_key))} {what}, and are computed again", numbers)
    for key, numbers in stats.cameras.items():
        text = f"statistics of {key} are missing or impossible, and are counted from its frames"
        report.add("camera_statistics", text, numbers)
    after = episode_table.with_values(table, stats.values, fill_missing=True)
    _, wrong = new_totals(base, table, after, features)
    wrong = [key for key in wrong if key != RECORDED_TIME and key not in stats.cameras]
    if wrong:
        report.add("totals", f"{STATS}: that of {_listed(wrong)} is missing or not that of all episodes")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (" and more" if len(names) > 6 else "")
