"""What breaks on an arm that is a program, and what the rig then says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.feetech_arm import Arm
from tests.support.rig_link import soon

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


async def slow_and_overloaded(rig: ArmRig, device: str, overload: int) -> None:
    """What goes wrong in a take without ending it is said while it lasts, and the take goes on.

    First the bus is slow for a while, then a servo reports the error byte `overload` with its positions.
    """
    arm = arm_of(rig, device)

    def warned(code: str) -> str:
        said = [each["text"] for each in rig.status.get("warnings", ()) if each["code"] == code]
        return " ".join(text for text in said if text.startswith(device.capitalize()))

    async with rig.running():
        await rig.until("idle")
        take = await rig.record(5)
        arm.do("cable", slow_s=0.3)
        await soon(lambda: "has not answered" in warned("silent"))
        arm.do("cable")
        await rig.more(5)
        arm.do("error", servo=2, byte=overload)
        await soon(lambda: warned("alarm"))
        said = warned("alarm")
        assert f"motor 2 (shoulder_lift) at {arm.port} reports" in said and "relieve the arm" in said
        await rig.more(5)
        arm.do("error", servo=2, byte=0)
        await soon(lambda: not warned("alarm"))
        await rig.do("stop")
        assert (await rig.kept(take))["end_reason"] == "stop"
