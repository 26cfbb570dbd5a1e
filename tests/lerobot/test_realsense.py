"""LeRobot's RealSenseCamera on a stand-in for librealsense: one camera, whose colour and depth are two of the rig."""

from __future__ import annotations

import json
from typing import Any

import pytest

from robotdata.spool import Take
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.jpeg import decode_jpeg
from tests.lerobot.conftest import HERE, ROOT, ArmRig, Reader
from tests.support import lerobot_forks
from tests.support.rig_link import soon

COLOUR, DEPTH = "observation.images.front", "observation.images.front_depth"
CAMERA = {"kind": "lerobot", "type": "intelrealsense", "serial_number_or_name": "0123456789", "fps": 30}


@pytest.fixture
def both(rig: ArmRig) -> ArmRig:
    """A rig whose cameras are the two streams of one RealSense."""
    rig.cameras = {"front": CAMERA, "front_depth": CAMERA | {"depth": True, "depth_max": 4.0}}
    rig.environment = rig.environment | {"REALSENSE_AT": str(rig.folder)}
    return rig


def started(rig: ArmRig) -> list[str]:
    """The streams that each start of the pipeline had."""
    return (rig.folder / "started").read_text().splitlines()


async def recorded(rig: ArmRig) -> tuple[dict[str, Any], dict[int, int], dict[int, int]]:
    """The features of a take, and by capture time the shades and the depths in millimetres."""
    async with rig.running():
        await rig.until("idle")
        await soon(lambda: not rig.status["cannot_record"])
        take = await rig.record(60)
        await rig.do("stop")
        manifest = await rig.kept(take)
    with Take.open(rig.spool / take) as opened:
        colour, depth = opened.camera(COLOUR), opened.camera(DEPTH)
        shades = {int(colour.captured_ns[n]): round(decode_jpeg(colour.packet(n)).mean()) for n in range(colour.count)}
        depths = {int(depth.captured_ns[n]): int(depth_of_packet(depth.packet(n))[0, 0]) for n in range(depth.count)}
    return dict(manifest["features"]), shades, depths


async def test_colour_and_depth_are_two_features_of_the_same_moments(both: ArmRig) -> None:
    features, shades, depths = await recorded(both)
    assert features[COLOUR]["shape"] == [64, 288, 3] and features[DEPTH]["shape"] == [64, 288, 1]
    info = features[DEPTH]["info"]
    assert info["is_depth_map"] and info["video.depth_max"] == 4.0 and info["depth_unit"] == "mm"
    together = sorted(set(shades) & set(depths))
    assert len(together) > 5, "both streams of a pair of frames have its time"
    assert all(abs((depths[at] - 1000) % 200 - shades[at]) <= 2 for at in together)
    numbers = [depths[at] for at in sorted(depths)]
    assert all(after > before for before, after in zip(numbers, numbers[1:], strict=False)), "each frame once"
    assert started(both) == ["color depth"]


async def test_another_unit_of_depth_becomes_millimetres(both: ArmRig) -> None:
    (both.folder / "unit").write_text("0.0001")
    _, shades, depths = await recorded(both)
    together = sorted(set(shades) & set(depths))
    assert together and all(100 <= depths[at] < 1000 for at in together)
    apart = [(10 * depths[at] - 1000 - shades[at]) % 200 for at in together]  # shades begin again after 200 frames
    assert all(min(each, 200 - each) <= 10 for each in apart), apart


async def test_a_camera_that_is_pulled_out_comes_back_with_both(both: ArmRig) -> None:
    async with both.running():
        await both.until("idle")
        await soon(lambda: not both.status["cannot_record"])
        first = await both.record(10)
        (both.folder / "unplugged").touch()
        assert (await both.kept(first))["end_reason"] == "camera_lost"
        await soon(lambda: len(both.status["cannot_record"]) == 2)
        (both.folder / "unplugged").unlink()
        await soon(lambda: both.status["state"] == "idle" and not both.status["cannot_record"])
        second = await both.record(5)
        await both.do("stop")
        await both.kept(second)
    assert set(started(both)) == {"color depth"} and len(started(both)) >= 2


def test_a_check_reads_both_and_depth_alone_is_enough(both: ArmRig) -> None:
    for cameras, streams in ((both.cameras, "color depth"), ({"far": both.cameras["front_depth"]}, "depth")):
        both.cameras = cameras
        both.write()
        environment = both.environment | {"IMPATIENT_AT": str(both.impatient)}
        command = [both.python, HERE / "rig_program.py", both.file, "--check"]
        done = lerobot_forks.run_driver(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
        lines = {line["device"]: line for line in map(json.loads, done.stdout.splitlines())}
        assert all(lines[f"camera {name}"]["ok"] for name in cameras), lines
        assert started(both)[-1] == streams


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"use_depth": True}, "cameras.b.use_depth: is set; write a table for each stream"),
        ({}, "cameras.b: reads the colour of a camera that another table reads too"),
        ({"depth": True, "width": 320, "height": 240}, "cameras.b: has other keys than the other table of this camera"),
        ({"depth": True, "rotation": 91}, "cameras.b.rotation"),
    ],
)
def test_tables_that_are_wrong_are_refused(reader: Reader, change: dict[str, Any], words: str) -> None:
    assert reader.problem(cameras={"a": CAMERA, "b": CAMERA | {"depth": True}}) == ""
    assert words in reader.problem(cameras={"a": CAMERA, "b": CAMERA | change})
