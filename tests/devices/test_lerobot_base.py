"""A robot of LeRobot's that drives as well as reaches, such as LeKiwi: what its joints `x.vel` get in an emergency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from robotdata.devices.lerobot.configs import Settings
from robotdata.devices.lerobot.driver import Driver
from robotdata.devices.lerobot.library import Library
from robotdata.devices.lerobot.robot import LeRobotRobot


@dataclass
class Config:
    id: str = "kiwi"
    disable_torque_on_disconnect: bool = False


class Kiwi:
    """What LeRobot's driver of such a robot offers; it drives at the speed that it got last."""

    name = "kiwi"
    action_features = observation_features = {"arm.pos": float, "x.vel": float, "theta.vel": float}
    is_connected = is_calibrated = True

    def __init__(self, config: Config) -> None:
        self.now = {"arm.pos": 20.0, "x.vel": 0.0, "theta.vel": 0.0}

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def get_observation(self) -> dict[str, Any]:
        return dict(self.now)

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        self.now.update(action)
        return action


def test_an_emergency_stop_holds_the_arm_and_halts_the_base() -> None:
    library = Library("1", {"kiwi": Config}, {}, lambda kind, values: kind(**values), Kiwi)
    driver = Driver(Settings("robot", "kiwi", "robot", library, Config()))
    robot = LeRobotRobot(driver)
    robot.connect()
    robot.act(np.array([30, 0.2, -45], np.float32))
    robot.emergency_stop()
    assert driver.device.now == {"arm.pos": 30.0, "x.vel": 0.0, "theta.vel": 0.0}
