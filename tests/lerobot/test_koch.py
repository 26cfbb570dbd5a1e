"""A Koch leader and follower: LeRobot's real drivers and dynamixel_sdk, on buses of Dynamixel servos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import Take
from tests.lerobot.conftest import ArmRig
from tests.support.arm_faults import (
    arm_of,
    disturb,
    failure,
    other_calibration,
    power_off,
    remove_calibration,
    remove_motor,
    slow_and_overloaded,
    unplug,
)
from tests.support.dynamixel_arm import GOAL, KochFollower, KochLeader
from tests.support.feetech_arm import HIGH, JOINTS, LOW, Arm
from tests.support.rig_link import soon

MODEL = 0
ALERT = 0x80
GRIPPER = LOW + (HIGH - LOW) // 2
"""Where the leader's gripper springs back to: LeRobot holds it there under torque, as a trigger."""
POSES = ([2048] * 5, [2400, 1700, 2300, 1900, 2100], [1500, 2600, 1800, 2500, 1200])


@pytest.fixture
def koch(tmp_path: Path, lerobot: Path, environment: dict[str, str]) -> Iterator[ArmRig]:
    """A rig of a Koch leader and follower, which is not started."""
    made = ArmRig(tmp_path, lerobot, environment, {"koch_follower": KochFollower, "koch_leader": KochLeader})
    yield made
    made.close()


def per_cent(steps: list[int]) -> list[float]:
    """What LeRobot makes of a pose: -100 to 100 of each range, and 0 to 100 of the gripper's."""
    *arm, gripper = ((step - LOW) / (HIGH - LOW) for step in steps)
    return [*(200 * share - 100 for share in arm), 100 * gripper]


def reached(rig: ArmRig, pose: list[int]) -> bool:
    return bool(np.abs(np.subtract(rig.follower.pose(), [*pose, GRIPPER])).max() <= 1)


async def test_the_follower_follows_and_both_actions_are_recorded(koch: ArmRig) -> None:
    koch.robot["max_relative_target"] = 4.0
    koch.leader.move(POSES[0])
    async with koch.running():
        await koch.until("idle")
        take = await koch.record(5)
        for pose in POSES[1:]:
            koch.leader.move(pose)
            await soon(lambda pose=pose: reached(koch, pose))  # type: ignore[misc]
            await koch.more(5)
        await koch.do("stop")
        await koch.kept(take)
        log = await koch.stop()
    assert "Traceback" not in log
    assert koch.follower.torque() == koch.leader.torque() == [0] * 6
    with Take.open(koch.spool / take) as opened:
        manifest = opened.manifest
        state, sent = opened.column("observation.state"), opened.column("action")
        requested = opened.column("action/requested")
    assert manifest["robot_type"] == "koch_follower" and manifest["recorded_action"] == "requested"
    assert manifest["features"]["action"]["names"] == [f"{joint}.pos" for joint in JOINTS]
    for pose in POSES[1:]:
        for values in (state, sent, requested):
            assert np.abs(np.stack(values) - per_cent([*pose, GRIPPER])).max(axis=1).min() < 0.2  # a step is 0.1
    jump = np.abs(np.stack(requested) - np.stack(state)).max(axis=1)
    step = np.abs(np.stack(sent) - np.stack(state)).max(axis=1)
    assert jump.max() > 40, "the leader was moved at once"
    assert step.max() < 4 + 2 * 100 * 60 / (HIGH - LOW), "what the robot got is limited, from where it was just then"


def wrong_model(rig: ArmRig, arm: Arm) -> None:
    arm.put(3, MODEL, 1337)


@pytest.mark.parametrize(
    ("device", "break_it", "words"),
    [
        ("robot", power_off, ["no motor answers at {port}", "power"]),
        (
            "robot",
            remove_motor,
            ["motor 3 (elbow_flex) at {port}", "cable", "light blinks"],
        ),
        ("robot", wrong_model, ["motor 3 (elbow_flex) at {port}", "model 1337, want 1200"]),
        ("robot", remove_calibration, ["not calibrated", "{file} does not exist", "--robot.type=koch_follower"]),
        ("robot", other_calibration, ["not that of {file}", "lerobot-calibrate --robot."]),
        ("teleoperator", power_off, ["no motor answers at {port}", "power"]),
        ("teleoperator", remove_motor, ["motor 3 (elbow_flex) at {port}", "cable", "light blinks"]),
        ("teleoperator", wrong_model, ["motor 3 (elbow_flex) at {port}", "model 1337, want 1190"]),
        ("teleoperator", remove_calibration, ["not calibrated", "{file} does not exist", "--teleop.type=koch_leader"]),
        ("teleoperator", other_calibration, ["not that of {file}", "lerobot-calibrate --teleop."]),
    ],
)
async def test_an_arm_that_cannot_be_used_is_refused_at_connecting(
    koch: ArmRig, device: str, break_it: Callable[[ArmRig, Arm], None], words: list[str]
) -> None:
    arm = arm_of(koch, device)
    break_it(koch, arm)
    async with koch.running():
        reason = await failure(koch, device)
        await soon(lambda: arm.port not in koch.open_files())
        await koch.stop()
    for each in words:
        assert each.format(port=arm.port, file=arm.calibration) in reason
    assert koch.follower.torque() == koch.leader.torque() == [0] * 6


async def test_arms_at_each_others_ports_are_named(koch: ArmRig) -> None:
    koch.robot["port"], koch.teleoperator["port"] = koch.leader.port, koch.follower.port
    async with koch.running():
        reason = await failure(koch, "teleoperator")
    assert "model 1060, want 1190: another motor, or another arm's port" in reason


@pytest.mark.parametrize("device", ["robot", "teleoperator"])
@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (power_off, "at {port} do not answer: check the power"),
        (unplug, "{port} does not exist: check its cable"),
        (disturb, "at {port} are garbled"),
    ],
    ids=["power off", "usb gone", "garbage"],
)
async def test_an_arm_that_fails_during_a_take_ends_it_and_the_take_is_kept(
    koch: ArmRig, device: str, break_it: Callable[[ArmRig, Arm], None], words: str
) -> None:
    arm = arm_of(koch, device)
    async with koch.running():
        await koch.until("idle")
        take = await koch.record(10)
        break_it(koch, arm)
        reason = await failure(koch, device)
        manifest = await koch.kept(take)
        await soon(lambda: device == "robot" or koch.follower.torque() == [0] * 6)
        assert koch.process is not None and koch.process.poll() is None
    assert words.format(port=arm.port) in reason
    assert manifest["end_reason"] == ("robot_lost" if device == "robot" else "teleoperator_lost")


@pytest.mark.parametrize("device", ["robot", "teleoperator"])
async def test_an_arm_that_is_slow_or_overloaded_in_a_take_is_named_and_the_take_goes_on(
    koch: ArmRig, device: str
) -> None:
    await slow_and_overloaded(koch, device, ALERT)


async def test_a_motor_that_switched_itself_off_is_named_with_what_to_do(koch: ArmRig) -> None:
    koch.follower.do("error", servo=2, byte=ALERT)  # LeRobot says of it only that it does not answer
    async with koch.running():
        reason = await failure(koch, "robot")
    assert "motor 2 (shoulder_lift)" in reason and "switch its power off and on" in reason


async def test_an_emergency_stop_leaves_no_goal_that_the_arm_could_go_on_to(koch: ArmRig) -> None:
    koch.robot["on_end"] = "hold"
    async with koch.running():
        await koch.until("idle")
        koch.follower.do("jam")
        koch.leader.move([HIGH] * 5)
        await koch.record(5)
        await soon(lambda: koch.follower.get(1, GOAL, 4) > HIGH - 5)
        await koch.do("emergency_stop")
        await koch.until("error")
        await soon(lambda: koch.follower.port not in koch.open_files())
    goals = [koch.follower.get(servo, GOAL, 4) for servo in range(1, 7)]
    assert koch.follower.torque() == [1] * 6
    assert max(abs(goal - now) for goal, now in zip(goals, koch.follower.pose(), strict=True)) <= 2, "rounding"
