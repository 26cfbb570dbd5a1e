"""A teleoperator that LeRobot drives: a leader arm, or another source of joint positions."""

from __future__ import annotations

import numpy as np

from robotdata.capture.devices import Action, DeviceContext, Values
from robotdata.capture.options import Options
from robotdata.devices.lerobot.configs import read_settings
from robotdata.devices.lerobot.driver import Driver
from robotdata.devices.lerobot.robot import joints


class LeRobotTeleoperator:
    """A teleoperator of LeRobot's; `features` has the names of its joints, which are compared with the robot's."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._names = driver.names_of("action_features")
        self.features = {"action": joints(self._names)}

    def connect(self) -> None:
        self._driver.connect()

    def action(self, observation: Values) -> Action:
        return np.array(self._driver.numbers("get_action", self._driver.call("get_action"), self._names), np.float32)

    def disconnect(self) -> None:
        self._driver.disconnect()


def make_teleoperator(context: DeviceContext, options: Options) -> LeRobotTeleoperator:
    """Return the teleoperator that `options` describe: `type` and LeRobot's own keys. Raises ConfigError."""
    return LeRobotTeleoperator(Driver(read_settings("teleoperator", options)))
