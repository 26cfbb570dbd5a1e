"""`--check` tries every device once and releases it, whatever the others do; a robot is never moved."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import programs

PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from robotdata.capture.config import parse_config
from robotdata.capture.devices import Picture
from robotdata.capture.registry import Registry
from robotdata.rig import device_check

calls, faults = Path(sys.argv[1]), dict(each.split("=") for each in sys.argv[2:])
FEATURE = {"dtype": "float32", "shape": [2], "names": ["a.pos", "b.pos"]}

class Device:
    def __init__(self, name):
        self.name = name
        self.features = {"action": FEATURE, "observation.state": FEATURE}
        self.robot_type = "probe"
    def note(self, method):
        with calls.open("a") as file:
            file.write(f"{self.name} {method}\\n")
        fault = faults.get(f"{self.name}.{method}", "")
        if fault == "raise":
            raise OSError("no such bus")
        if fault == "hang":
            time.sleep(600)
    def connect(self): self.note("connect")
    def disconnect(self): self.note("disconnect")
    def observe(self):
        self.note("observe")
        return {"observation.state": np.zeros(2, np.float32)}
    def act(self, action): self.note("act")
    def action(self, observation):
        self.note("action")
        return np.zeros(3 if faults.get("three") else 2, np.float32)
    def read(self):
        self.note("read")
        print("a driver that prints")
        time.sleep(0.01)
        return Picture(0, rgb=np.zeros((64, 96 if faults.get("wide") else 64, 3), np.uint8))

registry = Registry()
for role in ("robot", "teleoperator", "camera"):
    registry.add(role, "probe", lambda context, options: Device(context.name or options.text("as")))
device_check.CONNECT_S = device_check.ANSWER_S = device_check.RELEASE_S = float(faults.get("seconds", 60))
config = parse_config(
    {
        "rig": {"name": "bench", "fps": 10},
        "robot": {"kind": "probe", "as": "robot"},
        **(
            {"teleoperators": {"arm": {"kind": "probe", "as": "arm"}, "base": {"kind": "probe", "as": "base"}}}
            if faults.get("two")
            else {"teleoperator": {"kind": "probe", "as": "leader"}}
        ),
        "cameras": {
            "front": {"kind": "probe", "width": 64, "height": 64},
            **({"phone": {"kind": "browser", "width": 64, "height": 64}} if faults.get("phone") else {}),
        },
    },
    "test",
)
sys.exit(device_check.check_rig(config, registry))
"""


class Check:
    """The program's result: lines by device, calls by device, and its exit status."""

    def __init__(self, folder: Path, *faults: str) -> None:
        self.notes = folder / "calls"
        self.process = programs.Popen(
            [sys.executable, "-c", PROGRAM, str(self.notes), *faults], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def has_called(self, call: str) -> bool:
        return self.notes.exists() and call in self.notes.read_text().splitlines()

    def end(self) -> Check:
        with self.process:
            output, self.errors = self.process.communicate(timeout=120)
        self.lines = {line["device"]: line for line in map(json.loads, output.splitlines())}
        self.calls: dict[str, list[str]] = {}
        for name, method in map(str.split, self.notes.read_text().splitlines()):
            self.calls.setdefault(name, []).append(method)
        return self


def test_every_device_is_connected_read_and_released(tmp_path: Path) -> None:
    check = Check(tmp_path).end()
    assert check.process.returncode == 0, check.errors
    assert check.lines["robot"]["text"] == "probe, 2 joints" and check.lines["teleoperator"]["text"] == "2 joints"
    assert check.lines["camera front"]["text"] == "64x64 RGB at 10 frames per second"
    assert check.calls["robot"] == ["connect", "observe", "disconnect"]
    assert check.calls["leader"] == ["connect", "action", "disconnect"]
    assert check.calls["front"][0] == "connect" and check.calls["front"][-1] == "disconnect"


def test_a_browsers_camera_is_named_and_left_alone(tmp_path: Path) -> None:
    check = Check(tmp_path, "phone=1").end()
    assert check.process.returncode == 0, check.errors
    assert "browser" in check.lines["camera phone"]["text"]


def test_each_of_several_teleoperators_is_tried(tmp_path: Path) -> None:
    check = Check(tmp_path, "two=1", "base.action=raise").end()
    assert check.process.returncode == 1
    assert check.lines["teleoperator arm"]["text"] == "2 joints"
    assert "no such bus" in check.lines["teleoperator base"]["text"]
    assert {name: calls[-1] for name, calls in check.calls.items() if name in ("arm", "base")} == {
        "arm": "disconnect",
        "base": "disconnect",
    }


def test_several_teleoperators_that_do_not_fit_together_are_refused_as_at_the_start(tmp_path: Path) -> None:
    check = Check(tmp_path, "two=1").end()
    assert check.process.returncode == 1
    assert check.lines["robot"]["ok"] and check.lines["teleoperator arm"]["ok"]
    assert "a.pos, b.pos" in check.lines["teleoperator base"]["text"]


@pytest.mark.parametrize(
    ("faults", "device", "words"),
    [
        (["robot.connect=raise"], "robot", "no such bus"),
        (["robot.observe=raise"], "robot", "no such bus"),
        (["robot.disconnect=raise"], "robot", "2 joints; it cannot be released"),
        (["leader.connect=raise"], "teleoperator", "no such bus"),
        (["three=1"], "teleoperator", "action"),
        (["front.read=raise"], "camera front", "no such bus"),
        (["wide=1"], "camera front", "it sends 96x64 pixels"),
        (["robot.connect=hang", "seconds=1"], "robot", "has not answered in time"),
        (["leader.action=hang", "seconds=1"], "teleoperator", "has not answered in time"),
        (["front.connect=hang", "seconds=1"], "camera front", "has not answered in time"),
    ],
)
def test_one_that_fails_is_named_and_all_others_are_released(
    tmp_path: Path, faults: list[str], device: str, words: str
) -> None:
    check = Check(tmp_path, *faults).end()
    assert check.process.returncode == 1
    assert words in check.lines[device]["text"]
    assert [name for name, line in check.lines.items() if not line["ok"]] == [device]
    hangs = {each.partition(".")[0] for each in faults if each.endswith("hang")}
    assert {name for name, calls in check.calls.items() if calls[-1] != "disconnect"} == hangs
    assert "act" not in check.calls["robot"]


def test_the_devices_are_released_when_the_check_is_ended(tmp_path: Path) -> None:
    check = Check(tmp_path, "leader.action=hang")
    end = time.monotonic() + 60
    while not check.has_called("leader action"):
        assert time.monotonic() < end and check.process.poll() is None
        time.sleep(0.01)
    check.process.send_signal(signal.SIGTERM)
    while not check.has_called("robot disconnect"):
        assert time.monotonic() < end
        time.sleep(0.01)
    check.process.kill()  # it would wait for the one that hangs
    check.process.communicate()
    assert check.has_called("front disconnect")
