"""A robot that LeRobot drives."""

from __future__ import annotations

from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.actions import REQUESTED, is_velocity
from robotdata.capture.devices import Action, DeviceContext, OwnCamera, Picture, Values
from robotdata.capture.errors import DeviceError
from robotdata.capture.options import Options
from robotdata.capture.own_cameras import ObservedCamera
from robotdata.devices.lerobot.configs import read_settings
from robotdata.devices.lerobot.driver import Driver
from robotdata.devices.lerobot.fields import APPROACH_SPEED
from robotdata.devices.lerobot.scale import scale_of, scaled

STATE = "observation.state"


def joints(names: list[str]) -> dict[str, Any]:
    """Return the feature of one number for each name."""
    return {"dtype": "float32", "shape": [len(names)], "names": names}


class LeRobotRobot:
    """A robot of LeRobot's. Joints keep LeRobot's names, order and units; pictures in its observation are cameras.

    As `lerobot-record` does, a dataset gets the action that was requested, unless the rig file says otherwise. Unlike
    there, an arm goes slowly to its leader when it is connected: the leader may lie anywhere.
    """

    recorded_action = REQUESTED
    approach_speed = APPROACH_SPEED

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._actions = driver.names_of("action_features")
        self._states = driver.names_of("observation_features")
        self.raw_features = driver.declared("observation_features")  # for processors
        self.raw_observation: dict[str, Any] = {}
        self._pictures = driver.pictures
        self._shown = {name: ObservedCamera() for name in self._pictures}
        self.cameras = {
            name: OwnCamera(width, height, self._shown[name], depth=channels == 1)
            for name, (height, width, channels) in self._pictures.items()
        }
        self.robot_type = str(driver.device.name)
        self.on_end = driver.on_end
        scale = scale_of(driver.device)
        self.features = {"action": scaled(self._actions, scale)}
        if self._states:
            self.features[STATE] = scaled(self._states, scale)

    @property
    def alarm(self) -> str:
        """Return what its motors report, as one sentence; empty if all is well."""
        return self._driver.alarms.text

    def connect(self) -> None:
        self.raw_observation = {}  # the arm may have been moved since
        self._driver.connect()

    def observe(self) -> Values:
        observation = self.raw_observation = self._driver.call("get_observation")
        for name, camera in self._shown.items():
            camera.show(self._picture(name, observation.get(name)))
        if not self._states:
            return {}
        return {STATE: np.array(self._driver.numbers("get_observation", observation, self._states))}

    def act(self, action: Action) -> Action:
        asked = dict(zip(self._actions, action.tolist(), strict=True))
        # LeRobot returns what it sent, of the values that it sent.
        sent = asked | self._driver.call("send_action", dict(asked))
        return np.array(self._driver.numbers("send_action", sent, self._actions), np.float32)

    def _picture(self, name: str, value: Any) -> Picture:
        """Return a picture of the observation. Raises DeviceError if it is missing or not what was declared."""
        shape = self._pictures[name]
        dtype = np.uint8 if shape[2] == 3 else np.uint16
        if not isinstance(value, np.ndarray) or value.dtype != dtype or value.shape != shape:
            found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"{type(value).__name__}"
            raise DeviceError(f"get_observation returns {name!r} as {found}, want {np.dtype(dtype)} {shape}")
        now = clock.monotonic_ns()
        return Picture(now, rgb=value) if shape[2] == 3 else Picture(now, depth=value)

    def emergency_stop(self) -> None:
        """Hold the arm where it is, if its motors keep their torque; else `disconnect`, which follows, takes it away.

        Without this an arm would move to the last action, which may be far away, and a base would drive on.
        """
        if self._driver.holds:
            try:
                observed = self._driver.call("get_observation")
            except DeviceError:  # of its camera, say; where it was a tick ago is better than its goal
                if not self.raw_observation:
                    raise
                observed = self.raw_observation
            pose = observed | {name: 0.0 for name in self._actions if is_velocity(name)}
            self._driver.call("send_action", {name: pose[name] for name in self._actions if name in pose})

    def disconnect(self) -> None:
        self._driver.disconnect()


def make_robot(context: DeviceContext, options: Options) -> LeRobotRobot:
    """Return the robot that `options` describe: `type`, `on_end` and LeRobot's own keys. Raises ConfigError."""
    return LeRobotRobot(Driver(read_settings("robot", options)))
