"""Move a robot slowly to its rest pose, and from there back to its teleoperator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, is_velocity
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.capture.values import flat_names

SPEED = 30.0
"""Default speed limit of each joint, in the joint's unit a second: degrees, or per cent of its range."""
LONGEST_S = 8.0
"""A move to the rest pose ends after this time, wherever the robot is: it may be blocked."""
STATE = "observation.state"


@dataclass(frozen=True, slots=True)
class Rest:
    """A rest pose: values by joint name (other joints stay where they are), `speed` in the joints' unit a second.

    Joints whose values are speeds have no pose: they get 0. The robot moves there `at_end`, before it is disconnected,
    and `at_reset`, when a reset phase begins.
    """

    joints: Mapping[str, float]
    speed: float
    at_end: bool
    at_reset: bool


def read_rest(robot: Options, on_end: Any) -> Rest | None:
    """Return the rest pose in the table [robot], whose `on_end` is given; None without one. Raises ConfigError.

    Any other `on_end` than "rest" is the driver's own key.
    """
    names = robot.names()
    at_end = on_end == "rest"
    if at_end:
        robot.text("on_end")
    at_reset = "reset" in names and robot.text("reset", among=("rest",)) == "rest"
    joints = {}
    if "rest" in names:
        joints = robot.table("rest").numbers()
    if speeds := [name for name in joints if is_velocity(name)]:
        problem = f"has {', '.join(speeds)}, whose value is a speed, not a place; remove it: the rest pose stops it"
        raise ConfigError(f"{robot.where}.rest", problem)
    if not joints:
        if at_end or at_reset or "rest_speed" in names:
            raise ConfigError(f"{robot.where}.rest", 'is missing; name the joints, such as rest = { "elbow.pos" = 90 }')
        return None
    if not (at_end or at_reset):
        raise ConfigError(f"{robot.where}.rest", 'is never used; add on_end = "rest" or reset = "rest"')
    return Rest(joints, float(robot.number("rest_speed", SPEED, low=0.01, high=10_000)), at_end, at_reset)


class RestMove:
    """Computes the actions of a robot with these `features` that moves to `rest`, at `fps` actions a second.

    Raises ConfigError if a joint is unknown, or if the robot does not observe where its joints are.
    """

    def __init__(self, rest: Rest, features: Mapping[str, Mapping[str, Any]], fps: float) -> None:
        self._step = rest.speed / fps
        actions = flat_names(features[ACTION].get("names"))
        states = flat_names(features.get(STATE, {}).get("names"))
        unknown = [name for name in rest.joints if name not in actions]
        if unknown:
            problem = f"has no joint {', '.join(unknown)}; the robot's are {', '.join(actions) or 'not named'}"
            raise ConfigError("robot.rest", problem)
        unseen = [name for name in actions if name not in states]
        if unseen:
            problem = f"cannot be used: {STATE} has no {', '.join(unseen)}, so the robot's way is unknown"
            raise ConfigError("robot.rest", problem)
        self._where = [states.index(name) for name in actions]
        speeds = np.array([is_velocity(name) for name in actions])
        self._steps = np.where(speeds, np.inf, self._step)  # a base stops at once, and follows again at once
        self._rest = np.array([rest.joints.get(name, np.nan) for name in actions])
        self._rest[speeds] = 0.0  # where it is seen, a speed would stay: the base would drive on
        self._pose: NDArray[np.float64] | None = None
        self._goal = self._rest

    def begin(self) -> None:
        """Start a move from wherever the next observation shows the robot."""
        self._pose = None

    def begin_at(self, state: NDArray[Any]) -> None:
        """Start a move from where `state`, an `observation.state`, shows the robot."""
        self._pose = np.asarray(state, np.float64)[self._where]

    def towards_rest(self, state: NDArray[Any]) -> NDArray[np.float32]:
        """Return the next action, one step nearer to the rest pose; `state` is the present `observation.state`."""
        if self._pose is None:
            self._pose = np.asarray(state, np.float64)[self._where]
            self._goal = np.where(np.isnan(self._rest), self._pose, self._rest)
        return self._move(self._goal)

    def towards(self, action: NDArray[Any]) -> NDArray[np.float32]:
        """Return the next action, one step nearer to `action`, that of the teleoperator; equal to it on arrival."""
        return np.array(action, np.float32) if self._pose is None else self._move(np.asarray(action, np.float64))

    def arrived(self, action: NDArray[Any] | None = None) -> bool:
        """Return whether the last action was `action`, or the rest pose."""
        return self._pose is not None and bool(np.array_equal(self._pose, self._goal if action is None else action))

    def is_still(self, before: NDArray[Any], state: NDArray[Any]) -> bool:
        """Return whether the robot has hardly moved between two observations: at a tenth of the speed at most."""
        return bool(np.all(np.abs(np.asarray(state, np.float64) - before) <= self._step / 10))

    def _move(self, goal: NDArray[np.float64]) -> NDArray[np.float32]:
        assert self._pose is not None
        self._pose = step_towards(self._pose, goal, self._steps)
        return self._pose.astype(np.float32)


def step_towards(pose: NDArray[Any], goal: NDArray[Any], steps: NDArray[Any]) -> NDArray[np.float64]:
    """Return the pose after one step to `goal`: no joint moves further than its `steps`, and none beyond the goal."""
    way = goal - pose
    return np.where(np.abs(way) <= steps, goal, pose + np.clip(way, -steps, steps))
