"""LeRobot's calibration of a real SO-101 driver on a terminal as pages show it: asked, measured, kept, interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from robotdata.station import dialogs as station_dialogs
from tests.lerobot.conftest import HERE, ArmRig
from tests.support.feetech_arm import JOINTS

ENTER = "\r"
LOWEST, HIGHEST = [900, 950, 1000, 1050, 2048, 1100], [3100, 3000, 2900, 2800, 2048, 2700]
LONG_S = 120.0


class Dialog:
    """The terminal of a calibration, read from its beginning."""

    def __init__(self, rig: ArmRig, role: str) -> None:
        rig.write()
        program = [str(rig.python), str(HERE / "calibrate_program.py"), str(rig.file), role]
        environment = rig.environment | {"IMPATIENT_AT": str(rig.impatient)}
        self.terminal = station_dialogs.Dialog(program, environment)
        self.text, self.at = "", 0
        self.exit_code: int | None = None

    def until(self, text: str) -> None:
        """Read on until `text` comes after what was waited for before."""
        end = time.monotonic() + LONG_S
        while text not in self.text[self.at :]:
            assert self.exit_code is None and time.monotonic() < end, self.text
            self.read()
        self.at = self.text.index(text, self.at) + len(text)

    def ended(self) -> int:
        while self.exit_code is None:
            self.read()
        return self.exit_code

    def read(self) -> None:
        part = self.terminal.read(len(self.text), 1.0)
        self.text += part.text
        self.exit_code = part.exit_code


@pytest.fixture
def dialogs() -> Iterator[list[Dialog]]:
    made: list[Dialog] = []
    yield made
    for each in made:
        each.terminal.end()


def calibrate(dialog: Dialog, rig: ArmRig) -> None:
    """Answer as a person does: the arm in the middle, then every joint through its range."""
    dialog.until("middle of its range of motion and press ENTER")
    rig.follower.move([2048] * 6)
    dialog.terminal.write(ENTER)
    dialog.until("Recording positions")
    for pose in (LOWEST, HIGHEST):
        rig.follower.move(pose)
        dialog.until(f"| {pose[-1]:>6} |")  # the servo that was moved last
    dialog.terminal.write(ENTER)


def kept(rig: ArmRig) -> dict[str, Any]:
    return dict(json.loads(rig.follower.calibration.read_text()))


async def test_an_arm_that_was_never_calibrated_records_afterwards(rig: ArmRig, dialogs: list[Dialog]) -> None:
    rig.follower.calibration.unlink()
    dialogs.append(dialog := Dialog(rig, "robot"))
    calibrate(dialog, rig)
    assert dialog.ended() == 0, dialog.text
    ranges = {name: (motor["range_min"], motor["range_max"]) for name, motor in kept(rig).items()}
    expected = dict(zip(JOINTS, zip(LOWEST, HIGHEST, strict=True), strict=True)) | {"wrist_roll": (0, 4095)}
    assert ranges == expected
    assert rig.follower.torque() == [0] * 6
    async with rig.running():
        await rig.until("idle")
        await rig.record(5)


def test_the_calibration_before_is_kept_beside_the_new_one(rig: ArmRig, dialogs: list[Dialog]) -> None:
    before = kept(rig)
    dialogs.append(dialog := Dialog(rig, "robot"))
    dialog.until("or type 'c' and press ENTER")
    dialog.terminal.write(f"c{ENTER}")
    calibrate(dialog, rig)
    assert dialog.ended() == 0, dialog.text
    copies = list(rig.folder.glob("my_follower.json.*.old"))
    assert [json.loads(each.read_text()) for each in copies] == [before]
    assert kept(rig) != before


def test_an_interrupted_calibration_changes_no_file_and_frees_the_arm(rig: ArmRig, dialogs: list[Dialog]) -> None:
    before = kept(rig)
    dialogs.append(dialog := Dialog(rig, "robot"))
    dialog.until("or type 'c' and press ENTER")
    dialog.terminal.write(f"c{ENTER}")
    dialog.until("middle of its range")
    dialog.terminal.write(station_dialogs.INTERRUPT)
    assert dialog.ended() == 130, dialog.text
    assert kept(rig) == before
    assert not list(rig.folder.glob("*.old"))
    assert rig.follower.torque() == [0] * 6
    dialogs.append(again := Dialog(rig, "robot"))
    again.until("or type 'c' and press ENTER")


def test_what_cannot_be_calibrated_is_one_sentence(rig: ArmRig, dialogs: list[Dialog]) -> None:
    rig.impatient.write_text(rig.follower.port)
    rig.follower.do("cable", silent=True)
    dialogs.append(off := Dialog(rig, "robot"))
    assert off.ended() == 1
    assert "power supply" in off.text and "Traceback" not in off.text
    del rig.robot["id"]
    dialogs.append(nameless := Dialog(rig, "robot"))
    assert nameless.ended() == 1
    assert "robot.id" in nameless.text and "Traceback" not in nameless.text
    dialogs.append(unknown := Dialog(rig, "teleoperator left"))
    assert unknown.ended() == 1
    assert "'teleoperator left'" in unknown.text and "Traceback" not in unknown.text
    rig.robot = {"kind": "sim"}
    dialogs.append(other := Dialog(rig, "robot"))
    assert other.ended() == 1
    assert "robot.kind" in other.text and "Traceback" not in other.text
