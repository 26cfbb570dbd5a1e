"""Repair: each thing that it finds is reported by `verify` before, and gone after; nothing else changes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, EditError, revert, verify_dataset
from robotdata.dataset.repair.examine import examine
from robotdata.dataset.repair.run import repair
from tests.dataset.conftest import FPS, LENGTHS, Bench, expected

EPISODES = "meta/episodes/chunk-000/file-000.parquet"
HEAD = ("timestamp", "frame_index", "episode_index", "index", "task_index")
CASES = Path(os.environ.get("ROBOTDATA_TESTDATA", "/nowhere")).parent / "cases/datasets"
Spoil = Callable[[Path], None]


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Another program has written the file anew."""
    table = pq.read_table(path)
    path.unlink()
    pq.write_table(change(table), path)


def set_column(name: str, change: Callable[[list[Any]], list[Any]]) -> Callable[[pa.Table], pa.Table]:
    def changed(table: pa.Table) -> pa.Table:
        at = table.column_names.index(name)
        field = table.schema.field(at)
        return table.set_column(at, field, pa.array(change(table.column(name).to_pylist()), field.type))

    return changed


def data(name: str, change: Callable[[list[Any]], list[Any]]) -> Spoil:
    """Change a column of the first data file."""
    return lambda root: rewrite(sorted(root.glob("data/*/*.parquet"))[0], set_column(name, change))


def table(name: str, change: Callable[[list[Any]], list[Any]]) -> Spoil:
    """Change a column of the table of episodes."""
    return lambda root: rewrite(root / EPISODES, set_column(name, change))


def info(**changes: Any) -> Spoil:
    def spoil(root: Path) -> None:
        value = json.loads((root / "meta/info.json").read_text())
        (root / "meta/info.json").unlink()
        (root / "meta/info.json").write_text(json.dumps({**value, **changes}))

    return spoil


def totals(root: Path) -> None:
    value = json.loads((root / "meta/stats.json").read_text())
    value["action"]["mean"] = [9.0] * 6
    (root / "meta/stats.json").unlink()
    (root / "meta/stats.json").write_text(json.dumps(value))


def reversed_tasks(root: Path) -> None:
    rewrite(root / "meta/tasks.parquet", lambda each: each.take([1, 0]))


SPOILT: dict[str, tuple[str, Spoil]] = {
    "clock": ("timestamps", data("timestamp", lambda v: [0.013 + 1.09 * each for each in v])),
    "frame_index": ("frame_index", data("frame_index", lambda v: [each + 1 for each in v])),
    "index": ("index", data("index", lambda v: [0] * len(v))),
    "episode_index": ("episode_index", data("episode_index", lambda v: [0] * len(v))),
    "texts": ("episode_tasks", table("tasks", lambda v: [["task 0"]] * len(v))),
    "tasks": ("tasks", lambda root: (root / "meta/tasks.parquet").unlink()),
    "order of tasks": ("tasks", reversed_tasks),
    "length": ("ranges", table("length", lambda v: [v[0] + 1, *v[1:]])),
    "range": ("ranges", table("dataset_from_index", lambda v: [each + 3 for each in v])),
    "begin": ("videos", table("videos/observation.images.front/from_timestamp", lambda v: [0.0] * len(v))),
    "end": ("videos", table("videos/observation.images.top/to_timestamp", lambda v: [0.0] * len(v))),
    "stale": ("statistics", table("stats/action/mean", lambda v: [[5.0] * 6, *v[1:]])),
    "camera": ("camera_statistics", table("stats/observation.images.top/std", lambda v: [[[[0.0]]] * 3, *v[1:]])),
    "totals": ("totals", totals),
    "counters": ("info", info(total_episodes=4, total_frames=3, total_tasks=9, splits={"train": "0:4"})),
}


def values(root: Path) -> list[dict[str, bytes]]:
    """The rows of each episode without the default columns, in file order, bit for bit."""
    files = [pq.read_table(path) for path in sorted(root.glob("data/*/*.parquet"))]
    names = [name for name in files[0].column_names if name not in (*HEAD, "recorded_timestamp")]
    return [{name: each.column(name).combine_chunks().to_pylist() for name in names} for each in files]


def videos(root: Path) -> dict[str, tuple[int, bytes]]:
    return {p.relative_to(root).as_posix(): (p.stat().st_ino, p.read_bytes()) for p in root.glob("videos/**/*.mp4")}


@pytest.mark.parametrize("name", SPOILT)
def test_each_finding_is_put_right_and_nothing_else_changes(six: Bench, name: str) -> None:
    rows, films = values(six.root), videos(six.root)
    code, spoil = SPOILT[name]
    assert not examine(six.root).findings, "nothing is wrong before"
    spoil(six.root)
    before = verify_dataset(six.root)
    assert before.problems or before.notes
    spoilt = six.fingerprint()
    report = examine(six.root)
    assert code in report.counts and not report.left and six.fingerprint() == spoilt
    result = repair(six.root, **six.places)
    assert result.report.counts == report.counts and result.revision == six.open().revision == 4
    after = verify_dataset(six.root, deep=True)
    assert after.problems == [] and after.notes == []
    assert values(six.root) == rows and videos(six.root) == films
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]
    assert [each.tasks for each in six.open().episodes] == [[f"task {n % 2}"] for n in range(6)]
    assert not examine(six.root).findings
    revert(six.root, 3, **six.places)
    assert {k: v for k, v in six.fingerprint().items() if "robotdata" not in k} == {
        k: v for k, v in spoilt.items() if "robotdata" not in k
    }


def test_a_whole_dataset_is_left_alone(six: Bench) -> None:
    before = six.fingerprint()
    result = repair(six.root, **six.places)
    assert result.revision is None and not result.report.findings and six.fingerprint() == before


def test_times_of_a_clock_are_kept_as_a_column(six: Bench) -> None:
    SPOILT["clock"][1](six.root)
    old = [six.open().rows(n)["timestamp"] for n in range(6)]
    repair(six.root, **six.places)
    now = six.open()
    for n, length in enumerate(LENGTHS):
        rows = now.rows(n)
        assert np.array_equal(rows["recorded_timestamp"], old[n].astype(np.float64))
        assert np.array_equal(rows["timestamp"], (np.arange(length) / FPS).astype(np.float32))
    assert now.features["recorded_timestamp"]["dtype"] == "float64"
    assert now.sidecar.made_by["what"] == "repaired" and now.sidecar.made_by["repaired"]["timestamps"] == 2


def test_everything_at_once(six: Bench) -> None:
    for name in ("clock", "index", "tasks", "begin", "stale", "totals", "counters"):
        SPOILT[name][1](six.root)
    repair(six.root, **six.places)
    assert verify_dataset(six.root, deep=True).problems == []
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]


def test_numbers_without_a_text_that_nothing_tells_are_left(six: Bench) -> None:
    data("task_index", lambda v: [7] * len(v))(six.root)
    report = examine(six.root)
    assert any("number 7" in text for text in report.left)
    info(total_frames=1)(six.root)
    repair(six.root, **six.places)
    assert six.open().info["total_frames"] == sum(LENGTHS)
    assert any("number 7" in note for note in six.open().sidecar.made_by["notes"])


def test_lost_rows_and_videos_are_listed_and_the_rest_is_repaired(six: Bench) -> None:
    sorted(six.root.glob("data/*/*.parquet"))[-1].unlink()
    sorted(six.root.glob("videos/observation.images.top/*/*.mp4"))[-1].unlink()
    SPOILT["counters"][1](six.root)
    report = examine(six.root)
    assert len(report.left) == 2 and "info" in report.counts
    repair(six.root, **six.places)
    assert six.open().info["total_episodes"] == 6
    assert any("mp4" in note for note in six.open().sidecar.made_by["notes"])


def test_a_repair_that_is_stopped_before_the_swap_changes_nothing(six: Bench) -> None:
    SPOILT["clock"][1](six.root)
    before = six.fingerprint()

    def stop() -> None:
        raise EditError("cancelled")

    with pytest.raises(EditError, match="cancelled"):
        repair(six.root, before_swap=stop, **six.places)
    assert six.fingerprint() == before and not list(six.places["work"].iterdir())


@pytest.mark.skipif(not (CASES / "cr5_wall_clock").is_dir(), reason="no cases beside ROBOTDATA_TESTDATA")
def test_a_real_dataset_with_the_times_of_a_clock(bench: Bench) -> None:
    bench.root.parent.mkdir(parents=True)
    shutil.copytree(CASES / "cr5_wall_clock", bench.root, copy_function=shutil.copyfile)
    for path in [bench.root, *bench.root.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    films, old = videos(bench.root), DatasetFolder.open(bench.root).rows(3)
    assert verify_dataset(bench.root).count == 1
    assert examine(bench.root).counts["timestamps"] == 12
    repair(bench.root, **bench.places)
    now = bench.open().rows(3)
    assert verify_dataset(bench.root).problems == [] and videos(bench.root) == films
    assert np.array_equal(now["recorded_timestamp"], old["timestamp"].astype(np.float64))
    assert all(np.array_equal(now[name], old[name]) for name in old if name not in HEAD)


def test_a_table_in_another_order_is_sorted_with_all_that_it_says(six: Bench) -> None:
    rewrite(six.root / EPISODES, lambda each: each.take([0, 2, 1, 3, 5, 4]))
    assert verify_dataset(six.root).problems
    assert examine(six.root).counts == {"ranges": 1}
    repair(six.root, **six.places)
    assert verify_dataset(six.root, deep=True).problems == []
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]


def test_another_rate_than_that_of_the_videos_is_not_written_into_the_rows(six: Bench) -> None:
    info(fps=15)(six.root)
    before = six.fingerprint()
    with pytest.raises(EditError, match="fps in"):
        repair(six.root, **six.places)
    assert six.fingerprint() == before


def test_annotations_stay_with_their_episodes(six: Bench) -> None:
    SPOILT["length"][1](six.root)
    repair(six.root, **six.places)
    assert [each.extra.get("verdict") for each in six.open().episodes] == ["keep"] * 6


def test_lost_columns_are_made_again(six: Bench) -> None:
    for path in six.root.glob("data/*/*.parquet"):
        rewrite(path, lambda each: each.drop_columns(["index", "frame_index", "task_index", "timestamp"]))
    rewrite(six.root / EPISODES, lambda each: each.drop_columns(["data/chunk_index", "data/file_index"]))
    repair(six.root, **six.places)
    assert verify_dataset(six.root, deep=True).problems == []
    assert [six.open().tasks[int(six.open().rows(n)["task_index"][0])] for n in range(6)] == ["task 0", "task 1"] * 3


def test_files_in_which_nothing_is_wrong_are_shared_with_the_original(six: Bench) -> None:
    SPOILT["index"][1](six.root)
    before = {path: path.stat().st_ino for path in six.root.glob("data/*/*.parquet")}
    repair(six.root, **six.places)
    now = {path: path.stat().st_ino for path in six.root.glob("data/*/*.parquet")}
    assert [before[path] != now[path] for path in sorted(before)] == [True] + [False] * (len(before) - 1)


def test_rows_decide_how_long_an_episode_is(six: Bench) -> None:
    """Two lengths of one file exchanged: the sum fits, and the rows' own numbers say which is which."""
    first = six.open().episodes[0].data_file
    assert six.open().episodes[1].data_file == first
    table("length", lambda v: [v[1], v[0], *v[2:]])(six.root)
    table("dataset_to_index", lambda v: [LENGTHS[1], *v[1:]])(six.root)
    repair(six.root, **six.places)
    assert [each.length for each in six.open().episodes] == list(LENGTHS)
    assert verify_dataset(six.root, deep=True).problems == []
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]


def test_rows_that_nothing_divides_are_listed(six: Bench) -> None:
    rewrite(sorted(six.root.glob("data/*/*.parquet"))[0], lambda each: each.slice(6))
    report = examine(six.root)
    assert any("nothing says which rows" in text for text in report.left)


def test_two_episodes_of_one_number_are_refused(six: Bench) -> None:
    table("episode_index", lambda v: [0] * len(v))(six.root)
    before = six.fingerprint()
    with pytest.raises(EditError):
        repair(six.root, **six.places)
    assert six.fingerprint() == before


def test_gaps_in_the_numbers_of_episodes_are_closed(six: Bench) -> None:
    shift = {n: n + (n > 1) for n in range(6)}
    table("episode_index", lambda v: [shift[n] for n in v])(six.root)
    for path in six.root.glob("data/*/*.parquet"):
        rewrite(path, set_column("episode_index", lambda v: [shift[n] for n in v]))
    assert verify_dataset(six.root).problems
    repair(six.root, **six.places)
    assert verify_dataset(six.root, deep=True).problems == []
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]
    assert [each.tasks for each in six.open().episodes] == [[f"task {n % 2}"] for n in range(6)]
    assert [each.extra.get("verdict") for each in six.open().episodes] == ["keep"] * 6


def test_columns_of_every_kind_stay_as_they_are(six: Bench) -> None:
    """A matrix, LeRobot's language column, and a column that no feature declares, in a file that is written again."""
    matrix, language = ({"dtype": d, "shape": s, "names": None} for d, s in (("float32", [2, 3]), ("language", [1])))
    value = json.loads((six.root / "meta/info.json").read_text())
    info(features={**value["features"], "grid": matrix, "language_persistent": language})(six.root)
    spoken = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("timestamp", pa.float32())]))

    def add(each: pa.Table) -> pa.Table:
        rows = range(each.num_rows)
        each = each.append_column(
            "grid", pa.array([[[n, 1, 2], [3, 4, 5]] for n in rows], pa.list_(pa.list_(pa.float32())))
        )
        sentences = [[{"role": "user", "content": f"say {n}", "timestamp": n / FPS}] for n in rows]
        each = each.append_column("language_persistent", pa.array(sentences, spoken))
        return each.append_column("somebodys.column", pa.array([f"row {n}" for n in rows]))

    for path in six.root.glob("data/*/*.parquet"):
        rewrite(path, add)
    rows = values(six.root)
    SPOILT["clock"][1](six.root)
    report = examine(six.root)
    assert any("language_persistent" in text for text in report.left)
    repair(six.root, **six.places)
    assert values(six.root) == rows and six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]
    assert not any(problem.what.startswith("timestamp") for problem in verify_dataset(six.root).problems)
