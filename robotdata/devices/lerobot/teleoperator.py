"""A teleoperator that LeRobot drives: a leader arm, or another source of joint positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from robotdata.capture.devices import Action, DeviceContext, Values
from robotdata.capture.options import Options
from robotdata.devices.lerobot.configs import read_settings
from robotdata.devices.lerobot.driver import Driver
from robotdata.devices.lerobot.processor import raw_action_features
from robotdata.devices.lerobot.robot import joints


class LeRobotTeleoperator:
    """A teleoperator of LeRobot's; `features` has the names of its joints, which are compared with the robot's.

    `processed`: processors make joints of what it gives, `raw_action`, whatever that is.
    """

    def __init__(self, driver: Driver, *, processed: bool = False) -> None:
        self._driver = driver
        self.raw_features = raw_action_features(driver.declared("action_features"))
        self._names = [] if processed else driver.names_of("action_features")
        self.features = {"action": joints(self._names)}

    def connect(self) -> None:
        self._driver.connect()

    def action(self, observation: Values) -> Action:
        return np.array(self._driver.numbers("get_action", self._driver.call("get_action"), self._names), np.float32)

    def raw_action(self) -> dict[str, Any]:
        """Return LeRobot's action by name, for processors. Raises DeviceError."""
        return self._driver.call("get_action")

    def disconnect(self) -> None:
        self._driver.disconnect()


def make_teleoperator(context: DeviceContext, options: Options) -> LeRobotTeleoperator:
    """Return the teleoperator that `options` describe: `type` and LeRobot's own keys. Raises ConfigError."""
    return LeRobotTeleoperator(Driver(read_settings("teleoperator", options)), processed=context.processed)
