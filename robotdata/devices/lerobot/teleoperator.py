"""A teleoperator that LeRobot drives: a leader arm, or another source of joint positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from robotdata.capture.devices import ROBOT_FEATURES, Action, DeviceContext, Values
from robotdata.capture.options import Options
from robotdata.capture.values import StoredValue
from robotdata.devices.lerobot.configs import read_settings
from robotdata.devices.lerobot.driver import Driver
from robotdata.devices.lerobot.processor import raw_action_features
from robotdata.devices.lerobot.robot import STATE, joints
from robotdata.devices.lerobot.teleop_events import METHOD, TeleopEvents


class LeRobotTeleoperator:
    """A teleoperator of LeRobot's; `features` has the names of its joints, which are compared with the robot's.

    `processed`: processors make joints of what it gives, `raw_action`, whatever that is. One that has events of its own
    (a game pad, a keyboard) has `events` and `interventions`.
    """

    def __init__(self, driver: Driver, *, processed: bool = False) -> None:
        self._driver = driver
        self.raw_features = raw_action_features(driver.declared("action_features"))
        self._names = [] if processed else driver.names_of("action_features")
        self.features = {"action": joints(self._names)}
        if hasattr(driver.device, METHOD):
            self.events, self.interventions = TeleopEvents(driver).read, True

    @property
    def alarm(self) -> str:
        """Return what its motors report, as one sentence; empty if all is well."""
        return self._driver.alarms.text

    def connect(self) -> None:
        self._driver.connect()

    def action(self, observation: Values) -> Action:
        return np.array(self._driver.numbers("get_action", self._driver.call("get_action"), self._names), np.float32)

    def raw_action(self) -> dict[str, Any]:
        """Return LeRobot's action by name, for processors. Raises DeviceError."""
        return self._driver.call("get_action")

    def disconnect(self) -> None:
        self._driver.disconnect()


class FeelingTeleoperator(LeRobotTeleoperator):
    """A teleoperator that gets what the robot observed, by the names of its `feedback_features`.

    `observed` are the names of the values of the robot's `observation.state`. Raises ConfigError if none is among them.
    """

    def __init__(self, driver: Driver, observed: list[str], *, processed: bool = False) -> None:
        super().__init__(driver, processed=processed)
        names = driver.names_of("feedback_features")
        self._places = {name: observed.index(name) for name in names if name in observed}
        if not self._places:
            takes = ", ".join(names) or "none"
            problem = f"is true, but {driver.settings.type} takes no value that the robot observes (it takes {takes})"
            raise driver.settings.error("feedback", f"{problem}; remove it")

    def feedback(self, observation: Values) -> None:
        """Give LeRobot's teleoperator the values by name."""
        state = np.asarray(observation[STATE], np.float64).reshape(-1)
        self._driver.call("send_feedback", {name: float(state[place]) for name, place in self._places.items()})


def make_teleoperator(context: DeviceContext, options: Options) -> LeRobotTeleoperator:
    """Return the teleoperator that `options` describe: `type` and LeRobot's own keys. Raises ConfigError.

    `feedback = true` sends it what the robot observes. Not the default: an arm with torque moves to what it is sent.
    """
    feeds = options.flag("feedback")
    driver = Driver(read_settings("teleoperator", options))
    if not feeds:
        return LeRobotTeleoperator(driver, processed=context.processed)
    state = (context.shared.get(ROBOT_FEATURES) or {}).get(STATE)
    return FeelingTeleoperator(driver, StoredValue(STATE, state).names if state else [], processed=context.processed)
