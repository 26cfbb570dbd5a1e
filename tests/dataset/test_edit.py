from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, EditError, NewEpisode, NoSuchEpisode, verify_dataset
from robotdata.dataset.write.edit import delete_episodes, set_tasks
from tests.dataset.conftest import FEATURES, FRONT, LENGTHS, Bench, columns, expected


@pytest.mark.parametrize("gone", [[0], [5], [1, 2, 4], [0, 1], [0, 1, 2, 3, 4]])
def test_it_keeps_every_frame_of_the_episodes_that_stay(six: Bench, gone: list[int]) -> None:
    kept = [n for n in range(6) if n not in gone]
    result = delete_episodes(six.root, gone, **six.places)
    assert (result.episodes, result.revision) == (len(kept), 4)
    assert six.shown() == [expected(n, LENGTHS[n]) for n in kept]
    report = verify_dataset(six.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    dataset = six.open()
    for index, n in enumerate(kept):
        assert np.array_equal(dataset.rows(index)["action"], columns(LENGTHS[n], n)["action"])
        assert dataset.episodes[index].uuid == f"00000000-0000-0000-0000-{n:012d}"
        assert dataset.episodes[index].tasks == [f"task {n % 2}"]


def test_it_does_not_touch_files_in_which_nothing_changes(six: Bench) -> None:
    before = six.open().episode(0)
    inodes = [before.data_file.stat().st_ino, before.videos[FRONT].path.stat().st_ino]  # type: ignore[union-attr]
    delete_episodes(six.root, [5], **six.places)
    after = six.open().episode(0)
    assert [after.data_file.stat().st_ino, after.videos[FRONT].path.stat().st_ino] == inodes  # type: ignore[union-attr]


def test_it_drops_tasks_that_nobody_does_any_more(six: Bench) -> None:
    delete_episodes(six.root, [0, 2, 4], **six.places)
    dataset = six.open()
    assert dataset.tasks == ["task 1"]
    assert dataset.rows(2)["task_index"].tolist() == [0] * LENGTHS[5]


def test_it_can_be_added_to_after_a_delete(six: Bench, new: Any) -> None:
    delete_episodes(six.root, [1, 4], **six.places)
    six.commit([new(9, 5, "task 0")])
    assert six.shown()[-1] == expected(9, 5)
    assert verify_dataset(six.root, deep=True).problems == []


@pytest.mark.parametrize("wrong", [[6], [-1], [10**9], [True], ["0"], [1, 1], [], list(range(6))])
def test_it_leaves_the_dataset_alone_when_it_refuses(six: Bench, wrong: list[Any]) -> None:
    before = six.fingerprint()
    with pytest.raises((NoSuchEpisode, EditError)):
        delete_episodes(six.root, wrong, **six.places)
    assert six.fingerprint() == before
    assert list(six.places["work"].iterdir()) == []


def test_it_gives_an_episode_another_task(six: Bench) -> None:
    set_tasks(six.root, {0: "räume auf 🤖", 2: "task 1", 4: "räume auf 🤖"}, **six.places)
    dataset = six.open()
    assert [episode.tasks[0] for episode in dataset.episodes] == [
        "räume auf 🤖",
        "task 1",
        "task 1",
        "task 1",
        "räume auf 🤖",
        "task 1",
    ]
    assert dataset.tasks == ["task 1", "räume auf 🤖"]
    report = verify_dataset(six.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("name", ["v30_g1_inspire", "v30_rgbd_realsense"])
def test_it_edits_what_lerobot_recorded(testdata: Path, bench: Bench, name: str) -> None:
    shutil.copytree(testdata / name, bench.root)
    before = bench.open()
    key = before.video_keys[0]
    last = before.episodes[-1]
    delete_episodes(bench.root, [0], **bench.places)
    set_tasks(bench.root, {0: "another"}, **bench.places)
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    dataset = bench.open()
    assert "q99" in dataset.stats()["action"]
    assert np.array_equal(dataset.rows(len(dataset.episodes) - 1)["action"], before_rows(testdata / name, last.index))
    assert dataset.episodes[0].videos[key].first_frame == 0


def test_it_edits_a_dataset_without_cameras(bench: Bench, staged: list[NewEpisode]) -> None:
    features = {key: feature for key, feature in FEATURES.items() if feature["dtype"] != "video"}
    bench.commit(staged[:4], features=features)
    delete_episodes(bench.root, [1, 2], **bench.places)
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes, report.frames) == ([], [], LENGTHS[0] + LENGTHS[3])


def before_rows(root: Path, index: int) -> np.ndarray:
    return DatasetFolder.open(root).rows(index)["action"]


def test_it_says_that_columns_are_not_what_they_should_be(six: Bench) -> None:
    path = six.open().episodes[5].data_file
    assert path is not None
    table = pq.read_table(path)
    path.unlink()
    pq.write_table(table.drop_columns(["task_index"]), path)
    before = six.fingerprint()
    with pytest.raises(EditError, match="no column task_index"):
        delete_episodes(six.root, [0], **six.places)
    assert six.fingerprint() == before


def test_it_wants_words_for_a_task(six: Bench) -> None:
    with pytest.raises(EditError, match="the task is empty"):
        set_tasks(six.root, {1: " "}, **six.places)
