"""What breaks on an arm that is a program, and what the rig then says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.feetech_arm import Arm

if TYPE_CHECKING:
    from tests.lerobot.conftest import ArmRig


def arm_of(rig: ArmRig, device: str) -> Arm:
    return rig.follower if device == "robot" else rig.leader


async def failure(rig: ArmRig, device: str) -> str:
    """The reason in the state error, which must name this device and be one sentence for a person."""
    error = (await rig.until("error"))["error"]
    assert error["device"] == device, error
    assert "Traceback" not in error["reason"] and "\n" not in error["reason"]
    assert "Traceback" not in rig.log.read_text()
    return str(error["reason"])


def power_off(rig: ArmRig, arm: Arm) -> None:
    rig.impatient.write_text(arm.port)
    arm.do("cable", silent=True)


def unplug(rig: ArmRig, arm: Arm) -> None:
    arm.do("unplug")


def disturb(rig: ArmRig, arm: Arm) -> None:
    arm.do("cable", garbled=True)


def remove_motor(rig: ArmRig, arm: Arm) -> None:
    arm.do("remove", servo=3)


def remove_calibration(rig: ArmRig, arm: Arm) -> None:
    arm.calibration.unlink()


def other_calibration(rig: ArmRig, arm: Arm) -> None:
    arm.write_calibration(900, 3100)
