"""Datasets v2.x whose rows contradict info.json or their place: refused or named, never changed in silence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder
from robotdata.dataset.convert.run import ConvertResult, convert_dataset
from robotdata.dataset.errors import ConversionError
from tests.dataset.conftest import FPS, FRONT, TOP
from tests.support.old_dataset import LENGTHS, TASKS, change_info, change_rows, data_file, write_lines, write_old

Change = Callable[[pa.Table], pa.Table]


@pytest.fixture(scope="session")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_old(tmp_path_factory.mktemp("old") / "cubes")


@pytest.fixture
def old(_written: Path, tmp_path: Path) -> Path:
    """A dataset v2.1 of three episodes."""
    return Path(shutil.copytree(_written, tmp_path / "cubes"))


def convert(old: Path) -> tuple[ConvertResult, DatasetFolder]:
    made = convert_dataset(old, old.parent / "new", work=old.parent / "work")
    return made, DatasetFolder.open(old.parent / "new")


def change_one(old: Path, change: Change) -> None:
    """Change the rows of episode 1."""
    path = data_file(old, 1)
    pq.write_table(change(pq.read_table(path)), path)


def replaced(name: str, values: Any) -> Change:
    return lambda rows: rows.set_column(rows.column_names.index(name), name, pa.array(values))


def refused(old: Path) -> dict[int, str]:
    with pytest.raises(ConversionError) as error:
        convert(old)
    assert not (old.parent / "new").exists()
    return error.value.problems


@pytest.mark.parametrize(
    ("dtype", "value", "said"),
    [
        ("int32", 2**40 + 5, "has 1099511627781, and info.json declares it as int32"),
        ("uint8", -3, "has -3"),
        ("int64", np.inf, "has inf"),
        ("int64", 0.5, "has 0.5"),
        ("float32", 1e300, r"has 1e+300"),
        ("bool", 2, "has 2"),
        ("string", 2, "without text"),
    ],
)
def test_a_value_that_the_declared_type_cannot_hold_is_a_problem_of_its_episode(
    old: Path, dtype: str, value: Any, said: str
) -> None:
    text = dtype == "string"
    change_rows(old, lambda rows: rows.append_column("extra", pa.array(["" if text else 1] * rows.num_rows)))
    change_one(old, replaced("extra", [value] * LENGTHS[1]))
    change_info(old, lambda info: info["features"].update(extra={"dtype": dtype, "shape": [1], "names": None}))
    problems = refused(old)
    assert problems.keys() == {1} and said in problems[1]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([2, 0, 1, 3, 4, 5, 6], "frame 0 comes after frame 2"),
        ([0, 1, 3, 4, 5, 6], "frame 3 comes after frame 1"),
        ([2, 3, 4, 5, 6], f"begin with frame 2, and its video of {FRONT}"),
    ],
)
def test_rows_that_would_get_the_pictures_of_others_are_refused(old: Path, rows: list[int], said: str) -> None:
    change_one(old, lambda table: table.take(rows))
    problems = refused(old)
    assert problems.keys() == {1} and said in problems[1]


def test_without_frame_numbers_the_times_show_that_rows_are_out_of_order(old: Path) -> None:
    change_rows(old, lambda rows: rows.drop_columns(["frame_index"]))
    change_one(old, lambda table: table.take([2, 0, 1, 3, 4, 5, 6]))
    assert "order of their timestamps" in refused(old)[1]


@pytest.mark.parametrize("frames", [range(100, 107), [0] * 7, [0, 1, 2, 9, 10, 11, 12]])
def test_frame_numbers_that_exact_times_contradict_are_counted_again_and_named(old: Path, frames: Any) -> None:
    change_one(old, replaced("frame_index", list(frames)))
    made, dataset = convert(old)
    assert made.notes == ["episode 1: frame numbers were not 0, 1, 2 and so on, and are now"]
    assert dataset.rows(1)["frame_index"].tolist() == list(range(LENGTHS[1]))


def test_frame_numbers_of_the_whole_dataset_are_counted_again(old: Path) -> None:
    change_one(old, replaced("frame_index", list(range(100, 107))))
    change_one(old, replaced("timestamp", 1000 + np.arange(LENGTHS[1]) / FPS))
    made, dataset = convert(old)
    assert any("frame numbers were not" in note for note in made.notes)
    assert dataset.episode(1).length == LENGTHS[1]


def test_rows_of_another_episode_than_their_file_are_named(old: Path) -> None:
    change_one(old, replaced("episode_index", [0] * LENGTHS[1]))
    made, _ = convert(old)
    assert made.notes == ["episode 1: the rows name another episode than the name of their file, which was used"]


def test_two_texts_of_one_task_are_named(old: Path) -> None:
    lines = [(0, TASKS[0]), (1, "drop the cube"), (1, TASKS[1])]
    write_lines(old / "meta/tasks.jsonl", [{"task_index": number, "task": text} for number, text in lines])
    made, dataset = convert(old)
    assert dataset.episode(1).tasks == [TASKS[1]]
    assert made.notes == [f"task 1 had two texts in meta/tasks.jsonl: {TASKS[1]!r} was used, not 'drop the cube'"]


def test_the_first_of_several_tasks_is_named_where_rows_have_none(old: Path) -> None:
    change_rows(old, lambda rows: rows.drop_columns(["task_index"]))
    lines = [{"episode_index": n, "tasks": TASKS, "length": length} for n, length in enumerate(LENGTHS)]
    write_lines(old / "meta/episodes.jsonl", lines)
    made, dataset = convert(old)
    assert dataset.episode(1).tasks == [TASKS[0]] and "episodes 0 to 2: the rows name no task" in made.notes[0]


def test_episodes_that_only_info_json_counts_are_named(old: Path) -> None:
    change_info(old, lambda info: info.update(total_episodes=9))
    assert convert(old)[0].notes == ["info.json states 9 episodes, and there are 3"]


def test_videos_of_a_camera_nobody_declared_are_named(old: Path) -> None:
    change_info(old, lambda info: info["features"].pop(TOP))
    made, dataset = convert(old)
    assert dataset.camera_keys == [FRONT] and f"videos in videos/chunk-000/{TOP} belong to no camera" in made.notes[0]


def test_tasks_with_one_text_become_one_task(old: Path) -> None:
    lines = [(0, "push the cube"), (1, " push  the cube"), (2, "lift the cube")]
    write_lines(old / "meta/tasks.jsonl", [{"task_index": number, "task": text} for number, text in lines])
    (old / "meta/episodes.jsonl").unlink()
    path = data_file(old, 2)
    rows = pq.read_table(path)
    pq.write_table(replaced("task_index", [2] * LENGTHS[2])(rows), path)
    made, dataset = convert(old)
    assert [episode.tasks for episode in dataset.episodes] == [[TASKS[0]], [TASKS[0]], [TASKS[1]]]
    assert dataset.tasks == TASKS and set(dataset.rows(2)["task_index"]) == {1}
    assert "3 tasks had only 2 different texts, the first again 'push the cube'" in made.notes[0]


def test_names_that_do_not_fit_are_named(old: Path) -> None:
    change_info(old, lambda info: info["features"]["action"].update(names=["one"]))
    made, dataset = convert(old)
    assert dataset.features["action"]["names"] is None
    assert made.notes == ["the names of action are not one for each of its values: they were left out"]


def test_an_episode_that_the_table_does_not_have_is_named(old: Path) -> None:
    lines = [{"episode_index": n, "tasks": [TASKS[n % 2]], "length": LENGTHS[n]} for n in (0, 2)]
    write_lines(old / "meta/episodes.jsonl", lines)
    made, _ = convert(old)
    assert made.episodes == 3
    assert made.notes == ["episode 1: not in meta/episodes.jsonl, but its files are there: it was converted"]
