"""An SO-101 arm without hardware: a program that is its bus (tests/lerobot/feetech_bus.py), and its calibration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BUSES = Path(__file__).resolve().parent.parent / "lerobot"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
LOW, HIGH = 1000, 3000
TORQUE, GOAL, POSITION, MIN_LIMIT, MAX_LIMIT = 40, 42, 56, 9, 11


class Arm:
    """Six servos at a serial port, calibrated to LOW..HIGH, and its calibration file.

    Another family of servos has another program, other addresses and other widths of a position.
    """

    program, servos = "feetech_bus.py", [str(each) for each in range(1, len(JOINTS) + 1)]
    torque_at, position_at, limits_at, width = TORQUE, POSITION, (MIN_LIMIT, MAX_LIMIT), 2
    drive_modes = (0,) * len(JOINTS)

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder
        command = [sys.executable, BUSES / self.program, *self.servos]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self._answer()
        for servo in range(1, len(JOINTS) + 1):
            for address, value in zip(self.limits_at, (LOW, HIGH), strict=True):
                self.put(servo, address, value, self.width)
        self.write_calibration(LOW, HIGH)

    @property
    def calibration(self) -> Path:
        return self.folder / f"{self.name}.json"

    def write_calibration(self, low: int, high: int) -> None:
        motors = {
            joint: {"id": servo, "drive_mode": mode, "homing_offset": 0, "range_min": low, "range_max": high}
            for servo, (joint, mode) in enumerate(zip(JOINTS, self.drive_modes, strict=True), 1)
        }
        self.calibration.write_text(json.dumps(motors))

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def do(self, name: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self.process.stdin.flush()
        return json.loads(self._answer())

    def put(self, servo: int, address: int, value: int, size: int = 2) -> None:
        self.do("put", servo=servo, address=address, value=value, size=size)

    def get(self, servo: int, address: int, size: int = 2) -> int:
        return int(self.do("get", servo=servo, address=address, size=size))

    def pose(self) -> list[int]:
        return [self.get(servo, self.position_at, self.width) for servo in range(1, len(JOINTS) + 1)]

    def torque(self) -> list[int]:
        return [self.get(servo, self.torque_at, 1) for servo in range(1, len(JOINTS) + 1)]

    def move(self, steps: list[int]) -> None:
        """Move the arm by hand."""
        for servo, position in enumerate(steps, 1):
            self.put(servo, self.position_at, position, self.width)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
