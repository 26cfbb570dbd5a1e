"""LeRobot's calibration of a real SO-101 driver on a terminal as pages show it: asked, measured, kept, interrupted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.station import dialogs as station_dialogs
from tests.lerobot.conftest import HERE, ArmRig
from tests.support.dynamixel_arm import KochFollower, KochLeader
from tests.support.feetech_arm import JOINTS

ENTER = "\r"
LOWEST, HIGHEST = [900, 950, 1000, 1050, 2048, 1100], [3100, 3000, 2900, 2800, 2048, 2700]
LONG_S = 120.0
STEP = re.compile(r"\x1b\]7377;([^\x07]*)\x07")


class Dialog:
    """The terminal of a calibration, read from its beginning."""

    def __init__(self, rig: ArmRig, role: str, *options: str) -> None:
        rig.write()
        program = [str(rig.python), str(HERE / "calibrate_program.py"), str(rig.file), role, *options]
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

    def step(self, true: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Read on until the newest step that a page gets is so; return it."""
        end = time.monotonic() + LONG_S
        while not (found := STEP.findall(self.text)) or not true(json.loads(found[-1])):
            assert self.exit_code is None and time.monotonic() < end, self.text
            self.read()
        return dict(json.loads(found[-1]))

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


def at(pose: list[int]) -> Callable[[dict[str, Any]], bool]:
    """Whether a step shows the arm in this pose, which is in steps of the encoders; full turns are not measured."""
    by_name = dict(zip(JOINTS, pose, strict=True))
    return lambda step: {each["now"] == by_name[each["name"]] for each in step["joints"] if each["measured"]} == {True}


def guide(dialog: Dialog, rig: ArmRig) -> None:
    """Answer as a person at the page does, who goes back once and continues too early once."""
    dialog.step(lambda step: step["step"] == "middle")
    rig.follower.move([1900] * 6)
    dialog.step(lambda step: [each["now"] for each in step["joints"]] == [1900] * 6)
    dialog.terminal.write(ENTER)
    dialog.step(lambda step: step["step"] == "ranges" and step["back"])
    dialog.terminal.write(f"b{ENTER}")
    step = dialog.step(lambda step: step["step"] == "middle")
    assert step["back"] == ("'c'" in dialog.text)
    rig.follower.move([2048] * 6)
    dialog.terminal.write(ENTER)
    dialog.step(lambda step: step["step"] == "ranges")
    dialog.terminal.write(ENTER)
    problem = dialog.step(lambda step: step["problem"])["problem"]
    assert "shoulder_lift" in problem and "wrist_roll" not in problem
    for pose in (LOWEST, HIGHEST):
        rig.follower.move(pose)
        dialog.step(at(pose))
    step = dialog.step(lambda step: not step["problem"])
    bars = {each["name"]: (each["min"], each["max"], each["high"], each["measured"]) for each in step["joints"]}
    assert bars["gripper"] == (LOWEST[5], HIGHEST[5], 4095, True) and bars["wrist_roll"] == (None, None, 4095, False)
    dialog.terminal.write(ENTER)


@pytest.fixture
def koch(tmp_path: Path, lerobot: Path, environment: dict[str, str]) -> Iterator[ArmRig]:
    """A rig of a Koch leader and follower, whose servos are Dynamixel's."""
    made = ArmRig(tmp_path, lerobot, environment, {"koch_follower": KochFollower, "koch_leader": KochLeader})
    yield made
    made.close()


@pytest.mark.parametrize("family", ["rig", "koch"])
def test_guided_or_on_the_terminal_the_same_motions_give_the_same_file(
    request: pytest.FixtureRequest, family: str, dialogs: list[Dialog]
) -> None:
    rig: ArmRig = request.getfixturevalue(family)
    rig.follower.calibration.unlink()
    dialogs.append(plain := Dialog(rig, "robot"))
    calibrate(plain, rig)
    assert plain.ended() == 0, plain.text
    written = rig.follower.calibration.read_bytes()
    dialogs.append(guided := Dialog(rig, "robot", "--guided"))
    guided.step(lambda step: step["step"] == "choice" and not step["back"])
    guided.terminal.write(f"c{ENTER}")
    guide(guided, rig)
    assert guided.ended() == 0, guided.text
    assert rig.follower.calibration.read_bytes() == written


def test_an_arm_that_was_never_calibrated_is_guided_without_a_choice(rig: ArmRig, dialogs: list[Dialog]) -> None:
    rig.follower.calibration.unlink()
    dialogs.append(dialog := Dialog(rig, "robot", "--guided"))
    guide(dialog, rig)
    assert dialog.ended() == 0, dialog.text
    assert kept(rig)["gripper"]["range_max"] == HIGHEST[5] and kept(rig)["wrist_roll"]["range_max"] == 4095


def test_a_guided_calibration_that_is_stopped_changes_no_file(rig: ArmRig, dialogs: list[Dialog]) -> None:
    before = kept(rig)
    dialogs.append(dialog := Dialog(rig, "robot", "--guided"))
    dialog.step(lambda step: step["step"] == "choice")
    dialog.terminal.write(f"c{ENTER}")
    dialog.step(lambda step: step["step"] == "middle" and step["back"])
    dialog.terminal.write(f"b{ENTER}")
    dialog.step(lambda step: step["step"] == "choice")
    dialog.terminal.write(f"c{ENTER}")
    dialog.step(lambda step: step["step"] == "middle")
    dialog.terminal.write(ENTER)
    dialog.step(lambda step: step["step"] == "ranges")
    dialog.terminal.write(station_dialogs.INTERRUPT)
    assert dialog.ended() == 130, dialog.text
    assert kept(rig) == before and not list(rig.folder.glob("*.old"))
    assert rig.follower.torque() == [0] * 6
