"""The teleoperator kind `browser`: sliders, keys or a gamepad in a page move the joints of any robot by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.browser_joints import HOLD_BUTTON, Joint, read_joints
from robotdata.capture.devices import ROBOT_FEATURES, Action, DeviceContext, Values
from robotdata.capture.drive import Desk, Drive, parse_drive
from robotdata.capture.errors import ConfigError
from robotdata.capture.inputs import Inputs, Sender
from robotdata.capture.options import Options
from robotdata.capture.values import StoredValue

DEVICE = "teleoperator"
STATE = "observation.state"


class BrowserTeleoperator:
    """Follows the driver at the `Desk` and no faster than each joint's speed; without one the robot holds its place.

    `places` are where the observed value of each joint is in `observation.state`, None for one that is not observed.
    """

    def __init__(self, joints: Sequence[Joint], places: Sequence[int | None], fps: float) -> None:
        self._joints = {joint.name: index for index, joint in enumerate(joints)}
        self.features = {"action": {"dtype": "float32", "shape": [len(joints)], "names": list(self._joints)}}
        self.desk = Desk()
        self._low = np.array([joint.low for joint in joints])
        self._high = np.array([joint.high for joint in joints])
        self._step = np.array([joint.speed for joint in joints]) / fps
        self._is_velocity = np.array([joint.velocity for joint in joints])
        self._start = np.array([joint.start or 0.0 for joint in joints])
        self._places = list(places)
        self._at: NDArray[np.float64] | None = None
        self._epoch: int | None = None
        self._is_elsewhere = False

    def connect(self) -> None:
        """Begin where the robot is; a browser that was driving must let go first."""
        self.desk.clear()
        self._at = self._epoch = None

    def action(self, observation: Values) -> Action:
        command = self.desk.command()
        epoch = None if command is None else command[0]
        # Driving begins or ends, or the robot was moved: it stays where it is now.
        if self._at is None or self._is_elsewhere or epoch != self._epoch:
            self._at, self._epoch, self._is_elsewhere = self._here(observation), epoch, False
        if command is not None:
            self._at = self._moved(self._at, command[1])
        return self._at.astype(np.float32)

    def reset(self) -> None:
        """Begin again where the robot then is: a simulator resets, or the robot goes to its rest pose."""
        self._is_elsewhere = True

    end_reset = begin_take = reset

    def disconnect(self) -> None:
        self.desk.clear()

    def hear(self, sender: Sender, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a message of a browser; `at` has the present command of each joint. Raises InputError."""
        answer = self.desk.hear(sender, parse_drive(body, self._joints))
        at = self._at
        return answer | {"at": None if at is None else [round(float(value), 4) for value in at]}

    def _here(self, observation: Values) -> NDArray[np.float64]:
        """Return where each joint is: as observed, else as it was last sent, else its `start`; 0 for a velocity."""
        here = self._start.copy() if self._at is None else self._at.copy()
        state = np.asarray(observation[STATE], np.float64).reshape(-1) if STATE in observation else None
        for index, place in enumerate(self._places):
            if place is not None and state is not None:
                here[index] = state[place]
        here[self._is_velocity] = 0.0
        return here

    def _moved(self, at: NDArray[np.float64], command: Drive) -> NDArray[np.float64]:
        """Return the positions one tick later. A joint beyond its limits may come back, and goes no further."""
        wanted = np.where(self._is_velocity, 0.0, at)
        for name, target in command.targets.items():
            wanted[self._joints[name]] = np.clip(target, self._low[self._joints[name]], self._high[self._joints[name]])
        for name, rate in command.rates.items():
            index = self._joints[name]
            if self._is_velocity[index]:
                wanted[index] = rate * (self._high[index] if rate > 0 else -self._low[index])
            else:
                wanted[index] = at[index] + rate * self._step[index]
        wanted = np.clip(wanted, np.minimum(self._low, at), np.maximum(self._high, at))
        moved: NDArray[np.float64] = at + np.clip(wanted - at, -self._step, self._step)
        return moved


def make_browser(context: DeviceContext, options: Options) -> BrowserTeleoperator:
    """Return the teleoperator for this rig's robot. Raises ConfigError if the robot's action has no names.

    `low`, `high`, `speed` (units per second) and `unit` are for all joints, tables in `joints` for single ones;
    `hold_button` is the button of a gamepad that must be held.
    """
    features = context.shared.get(ROBOT_FEATURES)
    names = StoredValue("action", features["action"]).names if features and "action" in features else []
    if not names:
        problem = "is 'browser', which needs a robot whose action has a name for each value"
        raise ConfigError(f"{options.where}.kind", problem)
    state = (features or {}).get(STATE)
    observed = StoredValue(STATE, state).names if state else []
    joints = read_joints(names, observed, options)
    hold_button = int(options.number("hold_button", HOLD_BUTTON, low=0, high=31))
    places = [observed.index(name) if name in observed else None for name in names]
    teleoperator = BrowserTeleoperator(joints, places, context.fps)
    described = {"joints": [joint.described() for joint in joints], "hold_button": hold_button}
    Inputs.of(context.shared).serve(DEVICE, described, teleoperator.hear)
    return teleoperator
