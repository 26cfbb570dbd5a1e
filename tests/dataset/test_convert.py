"""A dataset v2.1 becomes v3.0: every row, frame and task the same, and nothing of the original touched."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.dataset import DatasetFolder, edit_episodes, recover_dataset, verify_dataset
from robotdata.dataset.convert.run import ConvertResult, convert_dataset
from robotdata.dataset.errors import ConversionError
from robotdata.video.decode import open_video
from tests.dataset.conftest import FPS, NAMES, barcodes, expected
from tests.support.old_dataset import CAMERAS, LENGTHS, TASKS, data_file, table, write_old
from tests.support.stopped_calls import Killed, NthCall, break_calls
from tests.support.sweeps import every


@pytest.fixture(scope="session")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_old(tmp_path_factory.mktemp("old") / "cubes")


@pytest.fixture
def old(_written: Path, tmp_path: Path) -> Path:
    """A dataset v2.1 of three episodes."""
    return Path(shutil.copytree(_written, tmp_path / "cubes"))


def convert(old: Path, **options: Any) -> ConvertResult:
    return convert_dataset(old, old.parent / "new", work=old.parent / "work", **options)


def files(root: Path) -> dict[str, tuple[str, int, int]]:
    """Hash, inode and time of each file."""
    return {
        path.relative_to(root).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_ino,
            path.stat().st_mtime_ns,
        )
        for path in root.rglob("*")
        if path.is_file()
    }


def test_rows_frames_and_tasks_are_the_same_and_the_original_is_as_it_was(old: Path) -> None:
    before = files(old)
    made = convert(old)
    assert (made.episodes, made.frames, made.notes) == (3, sum(LENGTHS), [])
    new = old.parent / "new"
    dataset, report = DatasetFolder.open(new), verify_dataset(new, deep=True)
    assert (report.problems, report.notes, dataset.problems) == ([], [], [])
    assert [episode.tasks for episode in dataset.episodes] == [[TASKS[0]], [TASKS[1]], [TASKS[0]]]
    assert (dataset.fps, dataset.robot_type, dataset.features["action"]["names"]) == (FPS, "arm", NAMES)
    for number, length in enumerate(LENGTHS):
        rows = dataset.rows(number)
        kept = table(number, length, sum(LENGTHS[:number]))
        for name in kept.column_names:
            assert np.array_equal(rows[name], np.array(kept.column(name).to_pylist(), rows[name].dtype)), name
        codes = [code for key in CAMERAS for code in barcodes(dataset, number, key)]
        assert codes == expected(number, length)
    assert (new / "README.md").read_text() == (old / "README.md").read_text()
    assert files(old) == before
    assert not {inode for _, inode, _ in files(new).values()} & {inode for _, inode, _ in before.values()}
    assert list((old.parent / "work").glob("*")) == []


def test_a_video_of_one_episode_is_a_file_of_its_own(tmp_path: Path) -> None:
    """Programs that write in place would otherwise change both datasets."""
    old = write_old(tmp_path / "single", lengths=[4])
    convert(old)
    assert all(path.stat().st_nlink == 1 for root in (old, tmp_path / "new") for path in root.rglob("*.mp4"))
    assert barcodes(DatasetFolder.open(tmp_path / "new"), 0, CAMERAS[0]) == expected(0, 4)[:4]


def test_it_can_be_edited_and_added_to_like_any_other(old: Path) -> None:
    convert(old)
    new, places = old.parent / "new", {"work": old.parent / "work", "revisions": old.parent / "revisions"}
    edit_episodes(new, delete=[1], tasks={0: "turn the cube"}, **places)
    assert verify_dataset(new, deep=True).problems == []
    assert [episode.tasks for episode in DatasetFolder.open(new).episodes] == [["turn the cube"], [TASKS[0]]]


def test_packets_are_copied_bit_for_bit(testdata: Path, tmp_path: Path) -> None:
    """Four episodes of a Unitree G1, which LeRobot's own converter has converted, too."""
    new = tmp_path / "new"
    convert_dataset(testdata / "v21_g1_inspire", new, work=tmp_path / "work")
    ours, theirs = DatasetFolder.open(new), DatasetFolder.open(testdata / "v30_g1_inspire")
    (key,) = ours.video_keys
    assert verify_dataset(new).problems == []
    for number, episode in enumerate(theirs.episodes):
        mine = ours.episode(number)
        assert (mine.length, mine.tasks) == (episode.length, episode.tasks)
        for name, values in theirs.rows(number).items():
            assert np.array_equal(ours.rows(number)[name], values), name
        with open_video(mine.videos[key].path) as own, open_video(episode.videos[key].path) as other:
            for frame in (0, 1, episode.length // 2, episode.length - 1):
                pictures = [
                    video.frame(part.videos[key].first_frame + frame) for video, part in ((own, mine), (other, episode))
                ]
                assert np.array_equal(*pictures)


def test_the_real_v20_keeps_its_task_numbers_and_times(testdata: Path, tmp_path: Path) -> None:
    """Of GR00T: no frame_index, a camera without a file, wrong templates, timestamps that do not begin at 0."""
    new = tmp_path / "new"
    made = convert_dataset(testdata / "v20_gr1_sim", new, work=tmp_path / "work")
    told = "\n".join(made.notes)
    assert "observation.images.egoview has no video" in told and "not where info.json says" in told
    assert "recorded_timestamp" in told
    dataset = DatasetFolder.open(new)
    assert (len(dataset.episodes), dataset.camera_keys) == (5, ["observation.images.ego_view"])
    rows = dataset.rows(1)
    assert set(rows["annotation.human.action.task_description"]) == set(rows["task_index"]) == {2}
    assert dataset.tasks[2] == "pick the sweet potato from the counter and place it in the plate"
    assert rows["recorded_timestamp"][0] == pytest.approx(0.05) and rows["timestamp"][0] == 0
    assert dataset.info["splits"] == {"train": "0:5"} and (new / "meta/modality.json").is_file()
    assert verify_dataset(new).problems == []


def test_images_inside_parquet_stay_there(testdata: Path, tmp_path: Path) -> None:
    source = testdata / "small_fixtures/datasets/lerobotv2-image"
    new = tmp_path / "new"
    convert_dataset(source, new, work=tmp_path / "work")
    dataset = DatasetFolder.open(new)
    assert dataset.features["observation.images.cam"]["dtype"] == "image" and dataset.video_keys == []
    images = dataset.rows(1, ["observation.images.cam"])["observation.images.cam"]
    assert [image["bytes"][:4] for image in images] == [b"\x89PNG"] * 3
    assert verify_dataset(new, deep=True).problems == []


class Stopped(Exception):
    """What the progress raises to cancel."""


def test_it_can_be_cancelled_at_every_step_and_leaves_nothing(old: Path) -> None:
    steps: list[int] = []
    convert_dataset(
        old, old.parent / "whole", work=old.parent / "work", progress=lambda done, total: steps.append(done)
    )
    assert len(steps) > 10 and steps == sorted(steps)
    for stop in range(len(steps) - 1):  # the last step is counted after the dataset is there
        counted = iter(range(len(steps)))

        def progress(done: int, total: int, counted: Any = counted, stop: int = stop) -> None:
            if next(counted) == stop:
                raise Stopped

        with pytest.raises(Stopped):
            convert(old, progress=progress)
        assert not (old.parent / "new").exists() and list((old.parent / "work").iterdir()) == []


def test_killed_at_any_call_it_is_not_there_or_whole(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, n, absent = old.parent / "new", -1, 0
    step = every(5)
    fault = NthCall(1, Killed)
    while fault.left <= 0 or n < 0:
        n += step
        fault = NthCall(n, Killed)
        with monkeypatch.context() as broken, contextlib.suppress(Killed):
            break_calls(broken, fault)
            convert(old)
        absent += not new.exists()
        if new.exists():
            assert not verify_dataset(new).problems, n
            shutil.rmtree(new)
        recover_dataset(new, old.parent / "work", old.parent / "none")
        assert list((old.parent / "work").glob("*")) == []
        convert(old)
        assert len(DatasetFolder.open(new).episodes) == 3
        shutil.rmtree(new)
    assert absent > 5


def test_a_name_that_is_taken_is_refused(old: Path) -> None:
    taken = old.parent / "new"
    taken.mkdir()
    (taken / "mine.txt").write_text("keep")
    with pytest.raises(ConversionError, match="exists already"):
        convert(old)
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]


def test_an_episode_that_cannot_be_converted_is_named_or_left_out(old: Path) -> None:
    data_file(old, 1).write_bytes(b"PAR1 cut off")
    with pytest.raises(ConversionError, match="1 of 3 episodes") as refused:
        convert(old)
    assert refused.value.problems.keys() == {1} and not (old.parent / "new").exists()
    made = convert(old, leave_out=True)
    assert made.episodes == 2 and "episode 1 was left out" in made.notes[0]
    assert verify_dataset(old.parent / "new", deep=True).problems == []
