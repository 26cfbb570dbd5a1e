"""What breaks on a real arm: the rig says which device and what to do, keeps the take, and lets the other arm go."""

from __future__ import annotations

from collections.abc import Callable

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
from tests.support.feetech_arm import GOAL, HIGH, LOW, Arm
from tests.support.rig_link import soon

MODEL, OVERLOAD = 3, 0x20


def wrong_model(rig: ArmRig, arm: Arm) -> None:
    arm.put(3, MODEL, 1337)


def overloaded(rig: ArmRig, arm: Arm) -> None:
    arm.do("error", servo=3, byte=OVERLOAD)


@pytest.mark.parametrize("device", ["robot", "teleoperator"])
@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (power_off, ["no motor answers at {port}", "power"]),
        (remove_motor, ["motor 3 (elbow_flex) at {port}", "cable"]),
        (wrong_model, ["motor 3 (elbow_flex) at {port}", "model 1337, want 777"]),
        (overloaded, ["motor 3 (elbow_flex) at {port}", "has switched itself off"]),
        (
            remove_calibration,
            ["not calibrated", "{file} does not exist", "lerobot-calibrate"],
        ),
        (other_calibration, ["not that of {file}", "lerobot-calibrate --"]),
    ],
    ids=["no power", "servo missing", "wrong model", "overload", "no calibration", "other calibration"],
)
async def test_an_arm_that_cannot_be_used_is_refused_at_connecting(
    rig: ArmRig, device: str, break_it: Callable[[ArmRig, Arm], None], words: list[str]
) -> None:
    arm = arm_of(rig, device)
    break_it(rig, arm)
    async with rig.running():
        reason = await failure(rig, device)
        await soon(lambda: arm.port not in rig.open_files())
        await rig.stop()
    for each in words:
        assert each.format(port=arm.port, file=arm.calibration) in reason
    assert rig.follower.torque() == [0] * 6


async def test_an_arm_without_a_calibration_never_gets_torque(rig: ArmRig) -> None:
    rig.follower.calibration.unlink()
    async with rig.running():
        reason = await failure(rig, "robot")
    assert "lerobot-calibrate --robot.type=so101_follower --robot." in reason
    for key in ("port", "id", "calibration_dir"):
        assert f" --robot.{key}={rig.robot[key]}" in reason
    assert rig.follower.do("powered") == []


async def test_an_arm_that_was_calibrated_meanwhile_connects(rig: ArmRig) -> None:
    rig.follower.calibration.unlink()
    async with rig.running():
        await failure(rig, "robot")
        rig.follower.write_calibration(1000, 3000)
        await rig.do("clear_error")
        await rig.until("idle")
        assert rig.follower.torque() == [1] * 6


async def test_an_arm_without_an_id_is_refused(rig: ArmRig) -> None:
    del rig.robot["id"]
    async with rig.running():
        reason = await failure(rig, "robot")
    assert "no id" in reason and "--robot.id=NAME" in reason and 'id = "NAME"' in reason


async def test_a_port_that_does_not_exist_is_named(rig: ArmRig) -> None:
    rig.robot["port"] = "/dev/ttyACM77"
    async with rig.running():
        assert "/dev/ttyACM77 does not exist" in await failure(rig, "robot")


async def test_a_port_that_is_in_use_is_refused(rig: ArmRig) -> None:
    rig.robot["port"] = rig.leader.port
    async with rig.running():
        assert rig.process is not None
        assert f"{rig.leader.port} is in use by pid {rig.process.pid}" in await failure(rig, "robot")


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
    rig: ArmRig, device: str, break_it: Callable[[ArmRig, Arm], None], words: str
) -> None:
    arm = arm_of(rig, device)
    async with rig.running():
        await rig.until("idle")
        take = await rig.record(10)
        break_it(rig, arm)
        reason = await failure(rig, device)
        manifest = await rig.kept(take)
        await soon(lambda: device == "robot" or rig.follower.torque() == [0] * 6)
        assert rig.process is not None and rig.process.poll() is None
    assert words.format(port=arm.port) in reason
    assert manifest["end_reason"] == ("robot_lost" if device == "robot" else "teleoperator_lost")
    with Take.open(rig.spool / take) as opened:
        assert opened.ticks == manifest["ticks"] >= 10


@pytest.mark.parametrize("device", ["robot", "teleoperator"])
async def test_an_arm_that_is_slow_or_overloaded_in_a_take_is_named_and_the_take_goes_on(
    rig: ArmRig, device: str
) -> None:
    await slow_and_overloaded(rig, device, OVERLOAD)


async def test_a_follower_that_shall_hold_keeps_its_torque_when_the_leader_fails(rig: ArmRig) -> None:
    rig.robot["on_end"] = "hold"
    async with rig.running():
        await rig.until("idle")
        unplug(rig, rig.leader)
        await failure(rig, "teleoperator")
        await soon(lambda: rig.follower.port not in rig.open_files())
    assert rig.follower.torque() == [1] * 6


@pytest.mark.parametrize("on_end", ["hold", "release"])
async def test_an_emergency_stop_leaves_no_goal_that_the_arm_could_go_on_to(rig: ArmRig, on_end: str) -> None:
    rig.robot["on_end"] = on_end
    async with rig.running():
        await rig.until("idle")
        rig.follower.do("jam")
        rig.leader.move([HIGH] * 6)
        take = await rig.record(5)
        await soon(lambda: rig.follower.get(1, GOAL) > HIGH - 5)  # rounded to degrees and back
        await rig.do("emergency_stop")
        error = (await rig.until("error"))["error"]
        await soon(lambda: rig.follower.port not in rig.open_files())
        assert (await rig.kept(take))["end_reason"] == error["code"] == "emergency_stop"
    goals = [rig.follower.get(servo, GOAL) for servo in range(1, 7)]
    assert rig.follower.torque() == [on_end == "hold"] * 6
    if on_end == "hold":
        assert max(abs(goal - now) for goal, now in zip(goals, rig.follower.pose(), strict=True)) <= 2, "rounding"


async def test_an_arm_goes_to_its_rest_pose_before_it_loses_its_torque(rig: ArmRig) -> None:
    rig.robot |= {"on_end": "rest", "rest_speed": 60}
    rig.rest = {"shoulder_pan.pos": 20, "gripper.pos": 80}
    async with rig.running():
        assert (await rig.until("idle"))["on_end"] == "rest"
        await rig.more_ticks()
        before = rig.follower.pose()
        await rig.stop()
    pose = rig.follower.pose()
    assert pose[0] != before[0] and pose[5] > before[5] and pose[1:5] == before[1:5]
    assert abs(pose[5] - (LOW + 0.8 * (HIGH - LOW))) < 60, "four fifths open, less the last step of the servo"
    assert rig.follower.torque() == [0] * 6


async def test_an_arm_whose_power_returns_records_again(rig: ArmRig) -> None:
    async with rig.running():
        await rig.until("idle")
        first = await rig.record(5)
        power_off(rig, rig.follower)
        await failure(rig, "robot")
        rig.impatient.write_text("")
        rig.follower.do("cable")
        await rig.do("clear_error")
        await rig.until("idle")
        second = await rig.record(5)
        await rig.do("stop")
        await rig.kept(first)
        assert (await rig.kept(second))["end_reason"] == "stop"
