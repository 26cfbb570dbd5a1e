"""Cut out the middle and keep one episode: frames and rows on both sides stay, and a mark says where they meet."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robotdata.dataset import verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.cut import cut_out, preview_cut
from robotdata.dataset.write.edit import edit_episodes, revert
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.dataset.write.transfer import Where
from robotdata.spool.language import Language, Remark, Subtask
from tests.dataset.conftest import H264, Bench, columns, expected, packets

STAY = [0, 1, 2, 3, 8, 9, 10, 11]


@pytest.fixture
def keyed(bench: Bench, new: Any) -> Bench:
    """Three episodes of 9, 12 and 5 frames, a keyframe at every second."""
    for number, length in enumerate((9, 12, 5)):
        bench.commit([new(number, length, f"task {number}", replace(H264, g=2))])
    return bench


def assert_sound(bench: Bench) -> None:
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes) == ([], [])


def test_the_parts_stay_one_episode_with_a_mark(keyed: Bench) -> None:
    before, first = packets(keyed.root), keyed.open().episodes[1]
    path = keyed.root / SIDECAR
    sidecar = json.loads(path.read_text())
    spans = [(1, 3), (3, 6), (5, 7), (9, 10)]
    sidecar["episodes"][1]["marks"] = [{"code": "frozen", "from_tick": a, "to_tick": b} for a, b in spans]
    path.write_text(json.dumps(sidecar))
    preview = preview_cut(keyed.open(), {1: (4, 8)}, seam=True)
    assert (preview.episodes, preview.frames, preview.encoded_frames) == (3, 22, 0)
    result = cut_out(keyed.root, {1: (4, 8)}, Where(**keyed.places), seam=True)
    assert (result.episodes, result.frames) == (3, 22)
    assert_sound(keyed)
    joined = [(1, camera, tick) for camera in range(2) for tick in STAY]
    assert keyed.shown() == [expected(0, 9), joined, expected(2, 5)]
    assert packets(keyed.root) <= before
    dataset = keyed.open()
    episode, rows = dataset.episodes[1], dataset.rows(1)
    assert (episode.uuid, episode.tasks) == (first.uuid, ["task 1"])
    for name, values in columns(12, 1).items():
        assert np.array_equal(rows[name], values[STAY])
    assert rows["frame_index"].tolist() == list(range(8)) and rows["index"].tolist() == list(range(9, 17))
    np.testing.assert_allclose(rows["timestamp"], np.arange(8) / 30, atol=1e-6)
    marks = [(mark["code"], mark["from_tick"], mark["to_tick"]) for mark in episode.extra["marks"]]
    assert marks == [("frozen", 1, 3), ("frozen", 3, 4), ("frozen", 5, 6), ("seam", 4, 5)]


def test_the_mark_moves_with_later_edits_and_the_old_frames_come_back(keyed: Bench) -> None:
    whole = keyed.shown()
    cut_out(keyed.root, {0: (2, 4), 1: (4, 8)}, Where(**keyed.places), seam=True)
    edit_episodes(keyed.root, trims={1: (2, 7)}, **keyed.places)
    assert_sound(keyed)
    assert [code[2] for code in keyed.shown()[1][:5]] == [2, 3, 8, 9, 10]
    assert [mark["from_tick"] for mark in keyed.open().episodes[1].extra["marks"]] == [2]
    cut_out(keyed.root, {0: (4, 6)}, Where(**keyed.places), seam=True)  # once more, behind the first seam
    assert [code[2] for code in keyed.shown()[0][:5]] == [0, 1, 4, 5, 8]
    assert [mark["from_tick"] for mark in keyed.open().episodes[0].extra["marks"]] == [2, 4]
    assert_sound(keyed)
    revert(keyed.root, 3, **keyed.places)
    assert keyed.shown() == whole and keyed.open().episodes[1].extra.get("marks", []) == []


def test_what_is_said_stays_with_the_frames(keyed: Bench) -> None:
    said = Language((Subtask(1, 3, "reach"), Subtask(3, 10, "lift")), (Remark(6, "lost"), Remark(9, "slower")))
    change_features(keyed.root, FeatureChange(language={"1": said.as_json()}), **keyed.places)
    cut_out(keyed.root, {1: (4, 8)}, Where(**keyed.places), seam=True)
    assert_sound(keyed)
    found = keyed.open().language(1).language
    assert {(each.first, each.end, each.text) for each in found.subtasks} in (
        {(1, 3, "reach"), (3, 6, "lift")},
        {(1, 3, "reach"), (3, 4, "lift"), (4, 6, "lift")},
    )
    assert found.remarks == (Remark(5, "slower"),)
