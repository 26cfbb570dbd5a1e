from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.records import Row
from robotdata.quality import marks_of, take_metrics
from robotdata.spool import Take, TakeWriter, new_take_id
from robotdata.video.depth.packets import depth_packet
from tests.support.takes import PREFIX, features, joints

FAR = PREFIX + "far"
CHANCE = np.random.default_rng(2)
WALL = 1000 + CHANCE.integers(0, 6, (40, 240, 320)).astype(np.uint16)


def wall(tick: int) -> np.ndarray:
    return WALL[tick % 40]


def speckled(tick: int) -> np.ndarray:
    """One point very far, as sensors give at edges."""
    depth = wall(tick).copy()
    depth[100:104, 100 + tick % 8] = 65535
    return depth


def moving(tick: int) -> np.ndarray:
    return np.roll(np.linspace(300, 3000, 320).astype(np.uint16), tick)[None] + wall(tick) - 1000


def take_of(folder: Path, picture) -> Path:
    folder /= new_take_id()
    about = {FAR: {"codec": "png", "width": 320, "height": 240}}
    facts = {"fps": 30, "rig": "sim", "task": "push", "dataset": "d", "robot_type": "sim"}
    writer = TakeWriter(folder, facts, features((), depth=("far",)), about)
    for tick in range(90):
        now = tick * 33_333_333 + 1
        writer.add_frame(FAR, tick, now, depth_packet(np.ascontiguousarray(picture(tick), np.uint16)))
        values = {"action": joints(3 * tick + 1), "observation.state": joints(3 * tick)}
        writer.add_row(Row(tick, now + 1_000_000, now, values, {FAR: (tick, now)}))
    writer.finish()
    return folder


def codes(folder: Path) -> set[str]:
    with Take.open(folder) as take:
        return {mark.code for mark in marks_of(take_metrics(take), []) if mark.camera == FAR}


@pytest.mark.parametrize("picture", [wall, speckled, moving])
def test_ordinary_depth_is_not_marked(tmp_path: Path, picture) -> None:
    assert codes(take_of(tmp_path, picture)) == set()


def test_depth_that_measures_nothing_or_repeats_itself_is(tmp_path: Path) -> None:
    assert codes(take_of(tmp_path, lambda tick: wall(tick) * (not 30 < tick < 75))) >= {"black"}
    assert codes(take_of(tmp_path, lambda tick: wall(min(tick, 35)))) == {"frozen"}


def test_it_is_said_in_words_of_depth(tmp_path: Path) -> None:
    with Take.open(take_of(tmp_path, lambda tick: wall(tick) * (not 30 < tick < 75))) as take:
        (text,) = (mark.text for mark in marks_of(take_metrics(take), []) if mark.code == "black")
    assert "measures no depth from 1." in text and "black" not in text


def test_light_and_sharpness_are_no_measures_of_depth(tmp_path: Path) -> None:
    with Take.open(take_of(tmp_path, moving)) as take:
        camera = take_metrics(take).cameras[FAR]
    assert (camera.light, camera.sharpness, camera.flat) == (None, None, [])
    assert camera.frames == 90 and not camera.damaged


def test_depth_that_would_be_clipped_is_said_before_it_is(tmp_path: Path) -> None:
    def far(tick: int) -> np.ndarray:
        depth = wall(tick).copy()
        depth[:, :64] = 14_000  # a fifth of it
        return depth

    with Take.open(take_of(tmp_path, far)) as take:
        marks = [mark for mark in marks_of(take_metrics(take), []) if mark.camera == FAR]
    assert [(mark.code, mark.severity) for mark in marks] == [("clipped", "warn")]
    assert "20 % of its depth" in marks[0].text
