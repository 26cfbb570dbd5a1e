"""A check of an SO-101 pair: LeRobot's real drivers connect and read it, and nothing moves."""

from __future__ import annotations

import json
from typing import Any

from tests.lerobot.conftest import HERE, ROOT, ArmRig
from tests.support import lerobot_forks
from tests.support.feetech_arm import GOAL, JOINTS


def checked(rig: ArmRig) -> dict[str, dict[str, Any]]:
    rig.write()
    environment = rig.environment | {"IMPATIENT_AT": str(rig.impatient)}
    command = [rig.python, HERE / "rig_program.py", rig.file, "--check"]
    done = lerobot_forks.run_driver(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return {line["device"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_a_pair_that_is_right_is_read_and_released_without_moving(rig: ArmRig) -> None:
    rig.leader.move([2400] * 6)
    rig.follower.move([1800] * 6)
    lines = checked(rig)
    assert lines["robot"] == {"device": "robot", "ok": True, "text": "so_follower, 6 joints"}
    assert lines["teleoperator"] == {"device": "teleoperator", "ok": True, "text": "6 joints"}
    assert rig.follower.pose() == [1800] * 6 and rig.follower.torque() == [0] * 6
    assert 2400 not in [rig.follower.get(servo, GOAL) for servo in range(1, len(JOINTS) + 1)]


def test_an_arm_without_calibration_and_a_port_that_is_gone_say_what_to_do(rig: ArmRig) -> None:
    rig.follower.calibration.unlink()
    rig.teleoperator["port"] = "/dev/ttyACM77"
    lines = checked(rig)
    assert not lines["robot"]["ok"] and "lerobot-calibrate --robot.type=so101_follower" in lines["robot"]["text"]
    assert not lines["teleoperator"]["ok"] and "/dev/ttyACM77 does not exist" in lines["teleoperator"]["text"]
    assert lines["camera front"]["ok"]
