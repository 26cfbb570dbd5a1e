"""Pictures that come with a robot's observation are cameras of the rig, in the tick of the observation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.spool import Take
from robotdata.video.barcode import read
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.jpeg import decode_jpeg
from tests.lerobot.conftest import HERE, ROOT, ArmRig, Reader
from tests.support import lerobot_forks
from tests.support.arm_faults import failure
from tests.support.feetech_arm import GOAL, HIGH, LOW
from tests.support.rig_link import soon

HAND, DEPTH = "observation.images.hand", "observation.images.hand_depth"


@pytest.fixture
def pictured(rig: ArmRig) -> ArmRig:
    """A rig whose robot has a picture of its gripper in its observation, and no cameras in its file."""
    rig.robot |= {"type": "pictured", "torn": str(rig.folder / "torn")}
    rig.cameras = {}
    return rig


async def test_a_row_has_the_pictures_of_its_own_observation(pictured: ArmRig) -> None:
    async with pictured.running():
        await pictured.until("idle")
        take = await pictured.record(5)
        pictured.leader.move([2048] * 5 + [LOW + 100])
        await soon(lambda: pictured.follower.pose()[-1] < LOW + 200)
        pictured.leader.move([2048] * 5 + [HIGH - 100])
        await soon(lambda: pictured.follower.pose()[-1] > HIGH - 200)
        await pictured.do("stop")
        await pictured.kept(take)
        log = await pictured.stop()
    assert "not recorded: mood" in log
    with Take.open(pictured.spool / take) as opened:
        features, gripper = opened.manifest["features"], opened.column("observation.state")[:, -1]
        shades = [decode_jpeg(opened.camera(HAND).packet(int(n))).mean() for n in opened.frame_index(HAND)]
        depths = [depth_of_packet(opened.camera(DEPTH).packet(int(n))).mean() for n in opened.frame_index(DEPTH)]
    assert features[HAND]["shape"] == [64, 96, 3] and features[DEPTH]["shape"] == [64, 96, 1]
    assert features[DEPTH]["info"]["is_depth_map"]
    assert gripper.max() - gripper.min() > 50
    assert np.abs(np.array(shades) - 2 * gripper).max() < 4, "JPEG is not exact"
    assert np.abs(np.array(depths) - (1000 + 10 * gripper)).max() <= 0.5 + 1e-3, "whole millimetres"


async def test_a_robots_own_cameras_config_is_lerobots(rig: ArmRig, film: Path) -> None:
    wrist = {"type": "looped", "index_or_path": str(film), "width": 288, "height": 64, "fps": 30, "warmup_s": 0}
    rig.robot["cameras"] = {"wrist": wrist}
    async with rig.running():
        await rig.until("idle")
        take = await rig.record(20)
        await rig.do("stop")
        await rig.kept(take)
    with Take.open(rig.spool / take) as opened:
        cameras = sorted(opened.cameras)
        index = [int(n) for n in opened.frame_index("observation.images.wrist")]
        shown = [read(decode_jpeg(opened.camera("observation.images.wrist").packet(n))).tick for n in index]
    assert cameras == ["observation.images.front", "observation.images.wrist"]
    assert index == list(range(index[0], index[0] + len(index))), "each row has a picture of its own"
    assert shown == sorted(shown) and shown[-1] > shown[0]


async def test_a_picture_of_another_size_is_a_failure_of_the_robot(pictured: ArmRig) -> None:
    async with pictured.running():
        await pictured.until("idle")
        take = await pictured.record(5)
        (pictured.folder / "torn").touch()
        reason = await failure(pictured, "robot")
        assert (await pictured.kept(take))["end_reason"] == "robot_lost"
        await soon(lambda: pictured.follower.torque() == [0] * 6)
    assert "get_observation returns 'hand' as uint8 (32, 96, 3), want uint8 (64, 96, 3)" in reason


STOP = """
import json, sys
from pathlib import Path
import patient_driver
from robotdata.capture.devices import DeviceContext
from robotdata.capture.options import Options
from robotdata.devices.lerobot.robot import make_robot
table = json.loads(sys.argv[1])
robot = make_robot(DeviceContext("so101", 30), Options(table, "so101.toml: robot"))
robot.connect()
action = robot.observe()["observation.state"].astype("float32")
robot.act(action + 30)
Path(table["blind"]).touch()
robot.emergency_stop()
robot.disconnect()
"""


def test_an_arm_that_holds_stops_where_it_was_though_its_camera_has_failed(pictured: ArmRig) -> None:
    pictured.follower.do("jam")
    keys = {"on_end": "hold", "blind": str(pictured.folder / "blind")}
    table = {key: value for key, value in (pictured.robot | keys).items() if key != "kind"}
    path = f"{pictured.environment['PYTHONPATH']}:{HERE}"
    environment = pictured.environment | {"IMPATIENT_AT": str(pictured.impatient), "PYTHONPATH": path}
    command = [pictured.python, "-c", STOP, json.dumps(table)]
    done = lerobot_forks.run_driver(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    goals = [pictured.follower.get(servo, GOAL) for servo in range(1, 7)]
    assert max(abs(goal - now) for goal, now in zip(goals, pictured.follower.pose(), strict=True)) <= 2, "rounding"
    assert pictured.follower.torque() == [1] * 6


def test_a_check_reads_them(pictured: ArmRig) -> None:
    pictured.write()
    environment = pictured.environment | {"IMPATIENT_AT": str(pictured.impatient)}
    command = [pictured.python, HERE / "rig_program.py", pictured.file, "--check"]
    done = lerobot_forks.run_driver(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    lines = {line["device"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["camera hand"] == {"device": "camera hand", "ok": True, "text": "96x64 RGB, one picture per tick"}
    assert lines["camera hand_depth"]["text"] == "96x64 depth, one picture per tick"


@pytest.mark.parametrize(
    ("cameras", "own", "words"),
    [
        (
            {"Hand": {"kind": "sim"}},
            {},
            ["so101.toml: cameras.Hand", "picture that comes with the robot"],
        ),
        ({}, {"wrist": {"type": "opencv", "index_or_path": 0}}, ["so101.toml: robot: ", "'width' is required"]),
        ({}, {"wr ist": {"type": "opencv", "index_or_path": 0, "width": 64, "height": 64, "fps": 30}}, ["'wr ist'"]),
        ({}, {"wrist": {"type": "atlas"}}, ["robot.cameras.wrist", "atlas"]),
    ],
)
def test_pictures_that_cannot_be_cameras_are_refused(
    reader: Reader, cameras: dict[str, Any], own: dict[str, Any], words: list[str]
) -> None:
    kind = "so101_follower" if own else "pictured"
    robot = {"kind": "lerobot", "type": kind, "port": "/dev/ttyACM0", **({"cameras": own} if own else {})}
    problem = reader.problem(robot=robot, cameras=cameras)
    assert problem and "\n" not in problem
    for each in words:
        assert each in problem, problem
