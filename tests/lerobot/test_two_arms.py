"""A robot with two SO-101 arms and its leader, each arm at a port of its own, by LeRobot's bimanual classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from robotdata.spool import Take
from tests.lerobot.conftest import ArmRig, Reader
from tests.support.feetech_arm import HIGH, JOINTS, LOW, Arm
from tests.support.rig_link import soon

SIDES = ("left", "right")
POSES = {"left": [2400, 1700, 2300, 1900, 2100, 1500], "right": [1500, 2600, 1800, 2500, 1200, 2900]}


@dataclass
class Two:
    """The rig, and its arms by side."""

    rig: ArmRig
    followers: dict[str, Arm]
    leaders: dict[str, Arm]

    def table(self, name: str, arms: dict[str, Arm]) -> dict[str, Any]:
        parts = {f"{side}_arm_config": {"port": arms[side].port} for side in SIDES}
        kind = {"two": "bi_so_follower", "lead": "bi_so_leader"}[name]
        return {"kind": "lerobot", "type": kind, "id": name, "calibration_dir": str(self.rig.folder), **parts}


@pytest.fixture
def two(rig: ArmRig) -> Iterator[Two]:
    """A pair of arms, which LeRobot calls by the robot's id and the side."""
    for name, arm in (("two_left", rig.follower), ("lead_left", rig.leader)):
        arm.name = name
        arm.write_calibration(LOW, HIGH)
    rights = [Arm(rig.folder, f"{name}_right") for name in ("two", "lead")]
    made = Two(rig, {"left": rig.follower, "right": rights[0]}, {"left": rig.leader, "right": rights[1]})
    rig.robot = made.table("two", made.followers)
    rig.teleoperator = made.table("lead", made.leaders)
    yield made
    for arm in rights:
        arm.close()


async def test_both_arms_follow_and_each_joint_has_its_unit_and_limits(two: Two) -> None:
    rig = two.rig
    async with rig.running():
        await rig.until("idle")
        for side, pose in POSES.items():
            two.leaders[side].move(pose)
        for side, pose in POSES.items():
            follower = two.followers[side]
            await soon(lambda arm=follower, pose=pose: np.abs(np.subtract(arm.pose(), pose)).max() <= 1)  # type: ignore[misc]
        take = await rig.record(5)
        await rig.do("stop")
        await rig.kept(take)
        await rig.stop()
        assert [two.followers[side].torque() for side in SIDES] == [[0] * 6] * 2
    with Take.open(rig.spool / take) as opened:
        feature = opened.manifest["features"]["action"]
        last = opened.column("action")[-1]
    assert feature["names"] == [f"{side}_{joint}.pos" for side in SIDES for joint in JOINTS]
    assert feature["units"] == (["°"] * 5 + ["%"]) * 2
    half = (HIGH - LOW) * 180 / 4095
    limits = [[-half, half]] * 5 + [[0, 100]]
    np.testing.assert_allclose(feature["limits"], limits * 2)
    want = [(step - 2000) * 360 / 4095 for side in SIDES for step in POSES[side]]
    grippers = [(POSES[side][5] - LOW) / 20 for side in SIDES]
    assert np.abs(np.delete(last, [5, 11]) - np.delete(want, [5, 11])).max() < 0.2
    assert np.abs(last[[5, 11]] - grippers).max() < 0.2


async def test_both_arms_hold_at_the_end_where_the_file_says_so(two: Two) -> None:
    two.rig.robot["on_end"] = "hold"
    async with two.rig.running():
        await two.rig.until("idle")
        await two.rig.stop()
        assert [two.followers[side].torque() for side in SIDES] == [[1] * 6] * 2


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ({}, "robot.left_arm_config.port: is missing"),
        ({"port": "/dev/a", "ports": 1}, "robot.left_arm_config.ports: unknown key; did you mean 'port'?"),
        ("/dev/a", "robot.left_arm_config: is '/dev/a', want a table"),
        ({"port": "/dev/a", "use_degrees": "perhaps"}, "robot.left_arm_config.use_degrees: Couldn't parse"),
    ],
)
def test_a_key_of_one_arm_is_named_in_full(reader: Reader, left: Any, words: str) -> None:
    table = {"kind": "lerobot", "type": "bi_so_follower", "left_arm_config": left}
    assert words in reader.problem(robot={**table, "right_arm_config": {"port": "/dev/b"}})
