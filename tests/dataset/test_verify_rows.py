"""What is right for its column's type, rank or values is not called wrong; what many episodes share is said once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes, edit_episodes, verify_dataset
from robotdata.dataset.stats import aggregate, numeric_stats, to_json
from tests.dataset.conftest import Bench
from tests.support.cells import EPISODES, data_file, rewrite, set_cell, set_json


def feature(*shape: int, dtype: str = "float32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "names": None}


def rows_only(home: Path, fps: int, episodes: list[Any], dtype: str = "float32", task: str = "wait") -> Bench:
    """A dataset without cameras, whose one feature is `action`: the episodes' values, (n,) or (n, d)."""
    bench = Bench(home)
    width = 1 if np.ndim(episodes[0]) == 1 else np.shape(episodes[0])[1]
    spec = DatasetSpec(fps, "arm", {"action": feature(width, dtype=dtype)})
    new = [
        NewEpisode(
            f"00000000-0000-0000-0000-{n:012d}", task, {"action": np.asarray(values, dtype)}, len(values), {}, {}
        )
        for n, values in enumerate(episodes)
    ]
    commit_episodes(bench.root, spec, new, **bench.places)
    return bench


@pytest.mark.parametrize(
    ("fps", "seconds"), [*((fps, 2060) for fps in (7, 15, 25, 30, 50, 60, 100, 120)), (30, 4 * 3600)]
)
def test_an_episode_of_any_length_is_committed(tmp_path: Path, fps: int, seconds: int) -> None:
    """From 2048 s on the steps of float32 are wider than LeRobot's tolerance."""
    bench = rows_only(tmp_path, fps, [np.zeros(4), np.zeros(fps * seconds), np.zeros(3)])
    report = verify_dataset(bench.root)
    assert (report.problems, report.notes, report.frames) == ([], [], fps * seconds + 7)


def test_a_time_that_is_off_is_blamed_however_late_it_is(tmp_path: Path) -> None:
    bench = rows_only(tmp_path, 30, [np.zeros(30 * 3000)])
    path, _ = data_file(bench, 0)
    rewrite(path, lambda table: set_cell(table, "timestamp", 80_000, 80_000 / 30 + 0.002))
    assert [(p.episode, p.frame) for p in verify_dataset(bench.root).problems] == [(0, 80_000)]


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_a_value_that_is_not_finite_is_named_once(tmp_path: Path, value: float, word: str) -> None:
    values = np.random.default_rng(1).normal(size=(3, 20, 2))
    bench = rows_only(tmp_path, 30, list(values))
    values = values.astype(np.float32)
    values[1, 7, 1] = value
    spoil(bench, values)
    report = verify_dataset(bench.root)
    assert report.problems == []
    assert len(report.notes) == 1
    assert all(part in report.notes[0] for part in ("action[1]", word, "row 7", "episode 1"))


def spoil(bench: Bench, values: np.ndarray) -> None:
    """Other values in the one data file, and LeRobot's statistics of them."""
    path, _ = data_file(bench, 0)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1), pa.float32()), values.shape[-1])
    rewrite(path, lambda table: table.set_column(table.column_names.index("action"), "action", flat))
    with np.errstate(invalid="ignore"):
        stats = [numeric_stats(each) for each in values]
    restate(bench, stats)


def restate(bench: Bench, stats: list[dict[str, Any]]) -> None:
    """`stats` as those of the episodes' actions, and of the whole."""

    def change(table: pa.Table) -> pa.Table:
        for name in stats[0]:
            for row, stat in enumerate(stats):
                table = set_cell(table, f"stats/action/{name}", row, to_json(stat)[name])
        return table

    rewrite(bench.root / EPISODES, change)
    with np.errstate(invalid="ignore"):
        total = to_json(aggregate(stats))
    set_json(bench.root / "meta/stats.json", lambda all_of_them: all_of_them.update(action=total))


@pytest.mark.parametrize("size", [1e300, 1.7e308])
def test_huge_values_are_values_like_any_other(tmp_path: Path, size: float) -> None:
    shape = np.sin(np.arange(40))
    bench = rows_only(tmp_path, 30, [shape * size, -shape * size, shape[:3] * size], "float64")
    report = verify_dataset(bench.root)
    assert (report.problems, report.notes) == ([], [])
    totals = json.loads((bench.root / "meta/stats.json").read_text())
    assert totals["action"]["std"][0] / size == pytest.approx(np.concatenate([shape, -shape, shape[:3]]).std())


def test_nanoseconds_are_committed_and_verified(tmp_path: Path) -> None:
    first = 1_732_800_123_456_789_012
    bench = rows_only(tmp_path, 30, [np.full(40, first), first + np.arange(50)], "int64")
    assert verify_dataset(bench.root).problems == []
    table = pq.read_table(bench.root / EPISODES).to_pydict()
    assert table["stats/action/std"] == [[0.0], [pytest.approx(np.arange(50).std())]]


@pytest.mark.parametrize("pooled", [True, False])
def test_statistics_of_rank_2_are_read_by_either_rule_of_lerobot(tmp_path: Path, pooled: bool) -> None:
    """0.4 and later pool all but the last dimension, 2.1 (and what was converted from it) does not."""
    values = np.random.default_rng(2).normal(size=(3, 30, 8)).astype(np.float32) + np.arange(8)
    bench = rows_only(tmp_path, 30, list(values))
    set_json(bench.root / "meta/info.json", lambda info: info["features"]["action"].update(shape=[4, 2], names=None))
    if pooled:
        restate(bench, [numeric_stats(each, [4, 2]) for each in values])
    assert verify_dataset(bench.root).problems == []
    restate(bench, [numeric_stats(each + 1, [4, 2] if pooled else None) for each in values])
    found = {(p.file, p.episode) for p in verify_dataset(bench.root).problems}
    assert found >= {("meta/episodes", 0), ("meta/episodes", 2), ("meta/stats.json", None)}


@pytest.mark.parametrize("edit", [{"delete": [0]}, {"tasks": {1: "other"}}, {"trims": {1: (3, 20)}}])
def test_an_edit_keeps_statistics_of_rank_2_by_lerobots_rule(tmp_path: Path, edit: dict[str, Any]) -> None:
    values = np.random.default_rng(2).normal(size=(3, 30, 8)).astype(np.float32) + np.arange(8)
    bench = rows_only(tmp_path, 30, list(values))
    path, _ = data_file(bench, 0)
    nested = pa.array(values.reshape(-1, 4, 2).tolist(), pa.list_(pa.list_(pa.float32())))
    rewrite(path, lambda table: table.set_column(table.column_names.index("action"), "action", nested))
    set_json(bench.root / "meta/info.json", lambda info: info["features"]["action"].update(shape=[4, 2], names=None))
    restate(bench, [numeric_stats(each, [4, 2]) for each in values])
    edit_episodes(bench.root, **edit, **bench.places)
    assert verify_dataset(bench.root).problems == []
    kept = [values[1], values[2]] if "delete" in edit else list(values)
    kept[1] = kept[1][3:20] if "trims" in edit else kept[1]
    totals = json.loads((bench.root / "meta/stats.json").read_text())["action"]
    assert np.allclose(totals["mean"], np.concatenate(kept).reshape(-1, 2).mean(axis=0))


def test_episodes_whose_table_and_rows_name_other_tasks_are_counted(tmp_path: Path) -> None:
    bench = rows_only(tmp_path, 30, [np.zeros(4)] * 9)
    tasks = pq.read_table(bench.root / "meta/tasks.parquet")
    texts = pa.table({"task_index": [0, 1], "task": ["wait", "red"]}).replace_schema_metadata(tasks.schema.metadata)
    rewrite(bench.root / "meta/tasks.parquet", lambda _: texts)
    set_json(bench.root / "meta/info.json", lambda info: info.update(total_tasks=2))
    rewrite(bench.root / EPISODES, lambda table: relabelled(table, [2, 4, 5, 6, 7]))
    report = verify_dataset(bench.root)
    assert len(report.problems) == 1
    words = report.problems[0].what
    assert all(part in words for part in ("5 of 9 episodes", "2, 4 to 7", "'wait'", "'red'"))


def relabelled(table: pa.Table, episodes: list[int]) -> pa.Table:
    for row in episodes:
        table = set_cell(table, "tasks", row, ["red"])
    return table


def test_a_few_episodes_are_named_one_by_one(tmp_path: Path) -> None:
    bench = rows_only(tmp_path, 30, [np.zeros(4)] * 5)
    rewrite(bench.root / EPISODES, lambda table: relabelled(table, [1, 3]))
    assert [p.episode for p in verify_dataset(bench.root).problems] == [1, 3]


def test_a_video_that_many_episodes_miss_is_one_problem(testdata: Path) -> None:
    problems = verify_dataset(testdata / "v30_pusht_no_videos").problems
    assert [problem.file for problem in problems] == ["meta/episodes"]
    assert "206 of 206 episodes" in problems[0].what and "observation.image/chunk-000/file-000.mp4" in problems[0].what


def test_times_of_a_clock_are_said_once_with_counts(cases: Path) -> None:
    report = verify_dataset(cases / "datasets/cr5_wall_clock")
    assert len(report.problems) == 1
    assert "timestamp" in report.problems[0].what and "12 of 12 episodes, 2,733 rows" in report.problems[0].what


def test_lerobots_own_nan_is_named_by_its_row(cases: Path) -> None:
    report = verify_dataset(cases / "datasets/lerobot044_one_nan")
    assert report.problems == []
    named = [note for note in report.notes if "nan" in note]
    assert len(named) == 1
    assert all(part in named[0] for part in ("observation.force[0]", "row 7", "episode 1"))
