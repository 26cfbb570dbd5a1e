"""LeRobot's OpenCV camera: its frames, their times, and what is said when it fails."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from robotdata.spool import Take
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.lerobot.conftest import ArmRig, Reader
from tests.support.rig_link import soon

FRONT = "observation.images.front"


@pytest.fixture
def looped(rig: ArmRig, film: Path) -> ArmRig:
    """A rig whose only camera is LeRobot's, on that film."""
    camera = {"kind": "lerobot", "type": "looped", "index_or_path": str(film), "warmup_s": 0}
    camera |= {"unplugged": str(rig.folder / "unplugged"), "times": str(rig.folder / "times")}
    rig.cameras = {"front": camera}
    return rig


async def test_each_frame_is_stored_once_with_the_time_when_it_came(looped: ArmRig) -> None:
    async with looped.running():
        await looped.until("idle")
        take = await looped.record(60)
        await looped.do("stop")
        await looped.kept(take)
    read_at = {}
    for line in (looped.folder / "times").read_text().splitlines():
        number, at = line.split()
        read_at[int(number)] = int(at)
    with Take.open(looped.spool / take) as opened:
        camera = opened.camera(FRONT)
        shown = [read(decode_jpeg(camera.packet(n))).tick for n in range(camera.count)]
        captured = [int(camera.captured_ns[n]) for n in range(camera.count)]
    assert len(shown) > 30 and all(after > before for before, after in zip(shown, shown[1:], strict=False))
    for number, at in zip(shown, captured, strict=True):
        assert read_at[number] <= at <= read_at.get(number + 1, at)


async def test_a_camera_that_stops_ends_the_take_which_is_kept_and_comes_back(looped: ArmRig) -> None:
    unplugged = looped.folder / "unplugged"
    async with looped.running():
        await looped.until("idle")
        first = await looped.record(10)
        unplugged.touch()
        assert (await looped.kept(first))["end_reason"] == "camera_lost"
        await soon(lambda: looped.status["cannot_record"])
        assert looped.status["cannot_record"][0]["device"] == "camera front"
        unplugged.unlink()
        await soon(lambda: looped.status["state"] == "idle" and not looped.status["cannot_record"])
        second = await looped.record(5)
        await looped.do("stop")
        await looped.kept(second)


async def why_missing(rig: ArmRig, path: str) -> str:
    """What is said of a camera that cannot be opened."""
    rig.cameras = {"front": {"kind": "lerobot", "type": "opencv", "index_or_path": path}}
    async with rig.running():
        await soon(lambda: rig.status.get("cannot_record"))
        problem = rig.status["cannot_record"][0]
    assert problem["device"] == "camera front"
    return str(problem["reason"])


async def test_a_camera_that_does_not_exist_is_named(rig: ArmRig) -> None:
    assert "/dev/video77 does not exist" in await why_missing(rig, "/dev/video77")


async def test_a_camera_that_is_in_use_is_refused(rig: ArmRig) -> None:
    path = Path(f"/dev/shm/robotdata-video-{os.getpid()}")
    try:
        with path.open("wb") as taken:
            fcntl.flock(taken, fcntl.LOCK_EX)
            assert f"{path} is in use by pid {os.getpid()}" in await why_missing(rig, str(path))
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"color_mode": "bgr"}, "cameras.front.color_mode: is 'bgr'; frames are stored as RGB"),
        ({"depth": True}, "cameras.front.depth: is true, but LeRobot reads no depth of opencv"),
        ({"rotation": 91}, "cameras.front.rotation"),
        ({"fourcc": "MJPEG"}, "must be a 4-character string"),
    ],
)
def test_a_camera_that_its_file_describes_wrongly_is_refused(
    reader: Reader, change: dict[str, Any], words: str
) -> None:
    camera = {"kind": "lerobot", "type": "opencv", "index_or_path": "/dev/video0"}
    assert reader.problem(cameras={"front": camera}) == ""
    assert words in reader.problem(cameras={"front": camera | change})
