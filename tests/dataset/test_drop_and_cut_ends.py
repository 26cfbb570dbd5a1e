"""Fewer frames and cuts: what only the last row says, and trims that wait, are kept or refused, never lost silently."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.dataset import EditError, verify_dataset
from robotdata.dataset.annotations import planned_edit, planned_of
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.cut import cut_out, preview_cut
from robotdata.dataset.write.edit import apply_edit
from robotdata.dataset.write.feature_change import SUCCESS, Added, FeatureChange
from robotdata.dataset.write.reencode import Aside
from robotdata.dataset.write.retime import drop_frames
from robotdata.dataset.write.transfer import Where
from robotdata.video.codecs import EncodeSettings
from robotdata.video.depth.video import DEPTH_SETTINGS
from tests.dataset.conftest import LENGTHS, Bench

SMALL = EncodeSettings(codec="h264", preset="ultrafast", crf=20)


def say(six: Bench, **fields: Any) -> None:
    """Say this of every episode in the sidecar."""
    value = json.loads((six.root / SIDECAR).read_text())
    for entry in value["episodes"]:
        entry.update(fields)
    (six.root / SIDECAR).write_text(json.dumps(value))


def add_success(six: Bench) -> None:
    say(six, labels=["success"])
    change_features(six.root, FeatureChange(add=[Added("next.success", SUCCESS)]), **six.places)


def drop(six: Bench, factor: int) -> None:
    drop_frames(six.root, factor, SMALL, Aside(six.home / "encoded"), Where(**six.places))
    report = verify_dataset(six.root, deep=True)
    assert (report.problems, report.notes) == ([], [])


@pytest.mark.parametrize("factor", [2, 3])
def test_the_last_row_that_stays_says_that_the_episode_succeeded(six: Bench, factor: int) -> None:
    add_success(six)
    drop(six, factor)
    dataset = six.open()
    for number, length in enumerate(LENGTHS):
        kept = len(range(0, length, factor))
        success = dataset.rows(number)["next.success"].reshape(-1)
        assert success.tolist() == [False] * (kept - 1) + [True]
    assert dataset.stats()["next.success"]["max"] == [1]
    np.testing.assert_allclose(dataset.stats()["next.success"]["mean"], 6 / dataset.total_frames)


def test_a_trim_that_waits_keeps_a_frame(six: Bench) -> None:
    say(six, planned={"trim": [1, 2]})
    drop(six, 3)
    assert [each.extra["planned"] for each in six.open().episodes] == [{"trim": [0, 1]}] * 6
    apply_edit(six.root, planned_edit, **six.places)
    assert [each.length for each in six.open().episodes] == [1] * 6


def test_subtasks_that_fall_on_one_frame_become_the_newest(six: Bench) -> None:
    spans = [(0, 5, "a"), (6, 7, "b")]  # the end of a and the begin of b come to frame 3
    said = {"subtasks": [{"first": first, "end": end, "text": text} for first, end, text in spans]}
    last = {"subtasks": [{"first": 0, "end": 2, "text": "c"}, {"first": 5, "end": 6, "text": "behind all frames"}]}
    change_features(six.root, FeatureChange(language={"1": said, "3": last}), **six.places)
    drop(six, 2)
    read = [six.open().language(number) for number in (1, 3)]
    assert [each.odd for each in read] == ["", ""]
    kept = [[(each.first, each.end, each.text) for each in one.language.subtasks] for one in read]
    assert kept == [[(0, 3, "a"), (3, 4, "b")], [(0, 1, "c")]]


@pytest.mark.parametrize("trim", [[1, 1], [3, 2], [-1, 2], [0, "2"]])
def test_a_trim_without_frames_is_none(trim: list[Any]) -> None:
    assert planned_of({"planned": {"trim": trim, "task": "push"}}) == {"task": "push"}


def test_an_episode_with_a_trim_that_waits_is_not_cut(six: Bench) -> None:
    say(six, planned={"trim": [0, 7]})
    for refused in (
        lambda: preview_cut(six.open(), {5: (2, 6)}),
        lambda: cut_out(six.root, {5: (2, 6)}, Where(**six.places)),
    ):
        with pytest.raises(EditError, match="apply the trim first, or remove it"):
            refused()


def test_frames_that_are_marked_are_cut_out_and_their_mark_goes(six: Bench) -> None:
    say(six, planned={"trim": [2, 6], "task": "push"})
    cut_out(six.root, {5: (2, 6)}, Where(**six.places))
    planned = [each.extra["planned"] for each in six.open().episodes]
    assert [len(planned), *planned[5:]] == [7, {"task": "push"}, {"task": "push"}]


def test_the_preview_of_a_cut_says_that_the_first_part_ends_without_success(six: Bench) -> None:
    assert len(preview_cut(six.open(), {5: (2, 6)}).notes) == 1
    add_success(six)
    assert "next.success stays in the last row of the second" in preview_cut(six.open(), {5: (2, 6)}).notes[1]


def test_a_depth_camera_says_how_depth_is_encoded(tmp_path: Path, testdata: Path) -> None:
    key, root = "observation.images.front_depth", tmp_path / "datasets/depth"
    shutil.copytree(testdata / "v30_rgbd_realsense", root)
    fps = int(DatasetFolder.open(root).fps)
    factor = next(n for n in range(2, fps + 1) if fps % n == 0)
    where = Where(tmp_path / "datasets/.work", tmp_path / "datasets/.revisions/depth")
    drop_frames(root, factor, SMALL, Aside(tmp_path / "encoded"), where)
    info = DatasetFolder.open(root).features[key]["info"]
    assert (info["video.codec"], info["video.crf"]) == ("hevc", DEPTH_SETTINGS.crf)
    assert info["video.extra_options"] == {"x265-params": "lossless=1"}
