"""The arms of a Koch v1.1 without hardware: programs that are their buses (tests/lerobot/dynamixel_bus.py)."""

from __future__ import annotations

from pathlib import Path

from tests.support.feetech_arm import JOINTS, Arm

TORQUE, GOAL, POSITION, MIN_LIMIT, MAX_LIMIT, DRIVE_MODE = 64, 116, 132, 52, 48, 10
XL430, XL330_M288, XL330_M077 = 1060, 1200, 1190


class KochFollower(Arm):
    """Two strong servos and four light ones."""

    models = (XL430, XL430, XL330_M288, XL330_M288, XL330_M288, XL330_M288)
    program, servos = "dynamixel_bus.py", [f"{servo}:{model}" for servo, model in enumerate(models, 1)]
    torque_at, position_at, limits_at, width = TORQUE, POSITION, (MIN_LIMIT, MAX_LIMIT), 4

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        for servo, mode in enumerate(self.drive_modes, 1):
            self.put(servo, DRIVE_MODE, mode, 1)


class KochLeader(KochFollower):
    """Six of the lightest servos. LeRobot's calibration turns the elbow round."""

    servos = [f"{servo}:{XL330_M077}" for servo in range(1, len(JOINTS) + 1)]
    drive_modes = (0, 0, 1, 0, 0, 0)
