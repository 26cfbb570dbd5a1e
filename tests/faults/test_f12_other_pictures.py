"""F12: In the middle of a take the camera of a real rig delivers other frames, or its robot other values.

The take ends and names the camera or the value; a single damaged frame is left out and counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import Take
from tests.recorder.sockets.conftest import Web
from tests.support.rigs import FRONT, RigProcess, new_dataset, running_odd, stored, until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running_odd(web, tmp_path_factory.mktemp("rig")) as made:
        yield made


@pytest.fixture(scope="module")
def dataset(web: Web) -> str:
    return new_dataset(web, "Other pictures")


def broken_in_a_take(rig: RigProcess, dataset: str, mood: str) -> dict[str, object]:
    """The manifest of a take in whose middle that happened; the rig is whole again after it."""
    until(lambda: "record" in rig.controls and not rig.cameras)
    take = rig.record(dataset)
    rig.written(take, 6)
    rig.mood.write_text(mood)
    try:
        return rig.ended(take)
    finally:
        rig.mood.write_text("")


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("half size", "sends 144x32 pixels, want 288x64; correct width and height in the rig file"),
        ("half size jpeg", "sends 144x32 pixels, want 288x64"),
        ("grey", "sends damaged images: want uint8 (H, W, 3), got uint8 (64, 288)"),
        ("rgba", "sends damaged images: want uint8 (H, W, 3), got uint8 (64, 288, 4)"),
        ("float", "sends damaged images: want uint8 (H, W, 3), got float32 (64, 288, 3)"),
        ("grey jpeg", "sends 1 channel(s), earlier images had 3"),
        ("cut jpeg", "sends damaged images: a JPEG of"),
        ("garbage", "sends damaged images: not a JPEG: 900 bytes"),
    ],
)
def test_a_camera_that_gives_other_pictures_ends_the_take_and_is_named(
    rig: RigProcess, dataset: str, mood: str, words: str
) -> None:
    manifest = broken_in_a_take(rig, dataset, mood)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "camera_lost")
    until(lambda: f"Camera front stopped during recording: it {words}" in rig.message)
    folder = rig.spool / str(manifest["id"])
    numbers = [code.tick for code in stored(folder)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "whole pictures only, and every one"
    with Take.open(folder) as take:
        assert take.ticks == manifest["ticks"] >= 6 and (take.frame_index(FRONT) >= 0).all()
    assert [mark["code"] for mark in manifest["marks"] if mark["camera"] == FRONT][-1] == "lost"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("nan", "observe returns nan for joint_2.pos of observation.state"),
        ("four sent", "returns 4 values for action; its features declare 6"),
    ],
)
def test_a_value_that_is_none_ends_the_take_before_its_row_and_is_named(
    rig: RigProcess, dataset: str, mood: str, words: str
) -> None:
    manifest = broken_in_a_take(rig, dataset, mood)
    device = "teleoperator" if mood == "four sent" else "robot"
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", f"{device}_lost")
    until(lambda: rig.state == "error")
    with Take.open(rig.spool / str(manifest["id"])) as take:
        state = take.signal("observation.state")
        assert len(state) == manifest["ticks"] and np.isfinite(state).all()
    assert words in rig.message and f"up to frame {manifest['ticks']}" in rig.message
    error = rig.status["error"]
    assert error["device"] == device and words in error["reason"] and "clear the error" in error["remedy"]
    assert [each["device"] for each in rig.status["cannot_record"]] == [device]
    assert rig.do("clear_error")[0] == 200
    until(lambda: rig.state == "idle")


def dropped(rig: RigProcess) -> list[int]:
    """How many pictures the page says were left out; nothing while it says nothing."""
    cameras = (rig.status.get("counters") or {}).get("cameras") or {}
    return [int(about["dropped"]) for key, about in cameras.items() if key == FRONT]


def test_one_damaged_picture_is_left_out_and_counted(rig: RigProcess, dataset: str) -> None:
    until(lambda: "record" in rig.controls and not rig.cameras)
    take = rig.record(dataset)
    rig.written(take, 6)
    before = until(lambda: dropped(rig))[0]
    rig.mood.write_text("cut jpeg once")
    until(lambda: dropped(rig) > [before])
    time.sleep(0.2)
    assert rig.do("stop")[0] == 200
    manifest = rig.ended(take)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "stop")
    gaps = np.diff([code.tick for code in stored(rig.spool / take)])
    assert sorted(gaps)[-1] == 2 and (gaps == 1).sum() == len(gaps) - 1, "one is missing, and no other took its place"
    assert Path(rig.spool / take / "take.json").exists()
