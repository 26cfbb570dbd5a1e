"""F37, F40: The verifier itself is tested.

Good datasets raise no alarm; the command blames one changed field by its file, episode and frame.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dataset.conftest import FRONT, TOP, Bench, _recorded, staged
from tests.faults.verify_a_dataset import said_of
from tests.support.warm import Server

__all__ = ["_recorded", "staged"]
pytestmark = pytest.mark.faults
EPISODES, STATS, INFO = "meta/episodes/chunk-000/file-000.parquet", "meta/stats.json", "meta/info.json"
TASKS, SIDECAR = "meta/tasks.parquet", "meta/robotdata.json"
Change = Callable[[Path], None]
WHICH, ROW = 3, 4  # the episode that is changed, and its row


@pytest.fixture
def six(tmp_path: Path, _recorded: Path) -> Path:
    """A home whose `dataset` has six episodes, in several files."""
    shutil.copytree(_recorded / "datasets/cubes", tmp_path / "dataset")
    return tmp_path


def own(home: Path, table: Callable[[Path], pa.Table], path: Path) -> None:
    made = table(path)
    path.unlink()
    pq.write_table(made, path)


def data_file(home: Path) -> tuple[Path, int]:
    bench = Bench(home)
    bench.root = home / "dataset"
    found = bench.open().episode(WHICH)
    assert found.data_file is not None
    return found.data_file, found.first_row_in_file


def with_cell(table: pa.Table, name: str, row: int, change: Callable[[Any], Any]) -> pa.Table:
    at, values = table.column_names.index(name), table.column(name).to_pylist()
    values[row] = change(values[row])
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def row(name: str, change: Callable[[Any], Any]) -> Change:
    def do(home: Path) -> None:
        path, first = data_file(home)
        own(home, lambda p: with_cell(pq.read_table(p), name, first + ROW, change), path)

    return do


def of_episode(name: str, change: Callable[[Any], Any]) -> Change:
    return lambda home: own(
        home, lambda p: with_cell(pq.read_table(p), name, WHICH, change), home / "dataset" / EPISODES
    )


def in_json(file: str, *keys: Any, change: Callable[[Any], Any]) -> Change:
    def do(home: Path) -> None:
        path = home / "dataset" / file
        value = place = json.loads(path.read_text())
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = change(place[keys[-1]])
        path.unlink()
        path.write_text(json.dumps(value))

    return do


def more(by: Any) -> Callable[[Any], Any]:
    return lambda value: [one + by for one in value] if isinstance(value, list) else value + by


def a_bit_more(value: list[Any]) -> list[Any]:
    """The first number alone, by one part in a hundred."""
    first = value[0]
    return [a_bit_more(first) if isinstance(first, list) else first * 1.01 + 0.01, *value[1:]]


def plus(by: float) -> Callable[[Any], Any]:
    return more(by)


def another_task(home: Path) -> None:
    path = home / "dataset" / TASKS
    name = next(name for name in pq.read_table(path).column_names if name != "task_index")
    own(home, lambda p: with_cell(pq.read_table(p), name, 1, lambda _: "another task"), path)


def video(do: Callable[[Path], None]) -> Change:
    def change(home: Path) -> None:
        bench = Bench(home)
        bench.root = home / "dataset"
        path = bench.open().episode(WHICH).videos[FRONT].path
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)  # a link no more
        do(path)

    return change


def one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"mdat") + 600] ^= 4
    path.write_bytes(data)


ROWS = {
    "frame_index": plus(1),
    "timestamp": plus(2e-4),
    "episode_index": plus(-1),
    "index": plus(1),
    "task_index": plus(7),
}
OF_EPISODE: dict[str, Callable[[Any], Any]] = {
    "length": plus(1),
    "dataset_from_index": plus(1),
    "dataset_to_index": plus(1),
    "tasks": lambda _: ["another task"],
    "data/file_index": plus(1),
    "meta/episodes/file_index": plus(1),
    f"videos/{TOP}/file_index": plus(1),
    f"videos/{TOP}/from_timestamp": plus(1 / 30),
    f"videos/{TOP}/to_timestamp": plus(1 / 30),
    "stats/action/min": a_bit_more,
    "stats/action/max": a_bit_more,
    "stats/action/mean": a_bit_more,
    "stats/action/std": a_bit_more,
    "stats/action/count": plus(1),
    "stats/action/q99": lambda value: [one + 3 for one in value],
    f"stats/{FRONT}/min": lambda value: [[[2.0]], *value[1:]],
    f"stats/{FRONT}/max": lambda value: [[[250.0]], *value[1:]],  # as if it were not divided by 255
    f"stats/{FRONT}/mean": lambda value: [[[-0.1]], *value[1:]],  # as if it had overflowed
}
TOTALS = [
    (key, part) for key in ("action", "observation.touch", FRONT) for part in ("min", "max", "mean", "std", "count")
]
OF_DATASET: dict[str, tuple[Change, str]] = {
    **{name: (in_json(INFO, name, change=plus(1)), INFO) for name in ("total_episodes", "total_frames", "total_tasks")},
    **{f"{key} {part}": (in_json(STATS, key, part, change=a_bit_more), STATS) for key, part in TOTALS},
    "q90": (in_json(STATS, "action", "q90", change=plus(5)), STATS),
    "version": (in_json(INFO, "codebase_version", change=lambda _: "v2.1"), INFO),
    "hashes": (in_json(SIDECAR, "files_sha256", change=lambda _: "0" * 64), SIDECAR),
    "uuid": (in_json(SIDECAR, "episodes", WHICH, "uuid", change=lambda text: text[:-1] + "1"), SIDECAR),
}


def test_one_value_of_a_row_is_blamed_on_its_episode_and_frame(six: Path, warm_server: Server, tmp_path: Path) -> None:
    good = said_of(warm_server, six)
    assert good[0] == 0 and "6 episodes, 33 frames: nothing wrong" in good[2] and "note" not in good[2], good[2]
    kept = shutil.copytree(six / "dataset", tmp_path / "kept")
    for name, change in ROWS.items():
        again(kept, six)
        row(name, change)(six)
        path = data_file(six)[0].relative_to(six / "dataset").as_posix()
        code, whom, said = said_of(warm_server, six)
        assert code == 3 and (path, WHICH, ROW) in whom, (name, said)
        assert {episode for _, episode, _ in whom} <= {WHICH, None}, (name, said)


def test_one_value_of_an_episode_is_blamed_on_it(six: Path, warm_server: Server, tmp_path: Path) -> None:
    kept = shutil.copytree(six / "dataset", tmp_path / "kept")
    for name, change in OF_EPISODE.items():
        again(kept, six)
        of_episode(name, change)(six)
        code, whom, said = said_of(warm_server, six)
        assert code == 3 and WHICH in {episode for _, episode, _ in whom}, (name, said)
        if name.startswith(("stats/", "meta/")) or name.endswith(("to_timestamp", "to_index", "tasks")):
            assert {episode for _, episode, _ in whom} <= {WHICH, None}, (name, said)


def test_one_value_of_the_whole_is_blamed_on_its_file(six: Path, warm_server: Server, tmp_path: Path) -> None:
    kept = shutil.copytree(six / "dataset", tmp_path / "kept")
    for name, (change, file) in OF_DATASET.items():
        again(kept, six)
        change(six)
        code, whom, said = said_of(warm_server, six)
        assert code == 3 and {each for each, _, _ in whom} == {file}, (name, said)


def test_other_things_that_are_wrong_are_blamed_too(six: Path, warm_server: Server, tmp_path: Path) -> None:
    kept = shutil.copytree(six / "dataset", tmp_path / "kept")
    bit = "videos/observation.images.front"
    for change, name in (
        (row("action", plus(9.0)), "meta/episodes, episode 3: statistics of action"),
        (in_json(INFO, "features", "action", "shape", change=lambda _: [5]), "action has 6 values a row"),
        (another_task, "meta/episodes, episode 3: tasks are"),
        (video(one_bit), bit),
        (video(lambda path: path.write_bytes(b"")), "is missing or empty"),
        (video(Path.unlink), "is missing or empty"),
    ):
        again(kept, six)
        change(six)
        code, _, said = said_of(warm_server, six)
        assert code == 3 and name in said, (name, said)


@pytest.mark.parametrize("name", ["v30_g1_inspire", "v30_rgbd_realsense"])
def test_good_real_datasets_raise_no_alarm(testdata: Path, tmp_path: Path, warm_server: Server, name: str) -> None:
    (tmp_path / "dataset").symlink_to(testdata / name)
    code, _, said = said_of(warm_server, tmp_path)
    assert code == 0 and "nothing wrong" in said, said


def again(kept: Path, home: Path) -> None:
    shutil.rmtree(home / "dataset")
    shutil.copytree(kept, home / "dataset")
