"""Move a robot that was just connected slowly to its teleoperator, whose leader lies wherever somebody left it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, is_velocity
from robotdata.capture.rest import STATE, step_towards
from robotdata.capture.values import StoredValue

FASTEST = 10_000.0


class Approach:
    """Computes the actions of the way: no joint moves faster than `speed`, in its unit a second, until it has arrived.

    Values of joints whose values are speeds are not limited: they have no way. Raises ValueError, with the names, if
    the robot does not observe where its other joints are.
    """

    def __init__(self, speed: float, features: Mapping[str, Mapping[str, Any]], fps: float) -> None:
        self.speed = speed
        self._joints = StoredValue(ACTION, features[ACTION]).names
        states = StoredValue(STATE, features[STATE]).names if STATE in features else []
        unseen = [name for name in self._joints if name not in states and not is_velocity(name)]
        if unseen or not self._joints:
            raise ValueError(", ".join(unseen) or "names for its joints")
        speeds = np.array([is_velocity(name) for name in self._joints])
        self._where = [states.index(name) if name in states else -1 for name in self._joints]
        self._is_speed, self._steps = speeds, np.where(speeds, np.inf, speed / fps)
        self._pose: NDArray[np.float64] | None = None
        self._goal: NDArray[np.float64] | None = None

    def begin_at(self, state: NDArray[Any]) -> None:
        """Start from where `state`, an `observation.state`, shows the robot."""
        self._pose = np.where(self._is_speed, 0.0, np.asarray(state, np.float64)[self._where])

    def towards(self, action: NDArray[Any]) -> NDArray[np.float32]:
        """Return the next action, one step nearer to `action`, that of the teleoperator; equal to it on arrival."""
        self._goal = np.asarray(action, np.float64)
        if self._pose is None:
            return np.array(action, np.float32)
        self._pose = step_towards(self._pose, self._goal, self._steps)
        return self._pose.astype(np.float32)

    def arrived(self, action: NDArray[Any]) -> bool:
        """Return whether the last action was `action`."""
        return self._pose is None or np.array_equal(self._pose.astype(np.float32), np.asarray(action, np.float32))

    @property
    def away(self) -> tuple[str, float]:
        """Return the joint that is furthest from the teleoperator, and by how much."""
        pose, goal = self._pose, self._goal
        if pose is None or goal is None:
            return self._joints[0], 0.0
        ways = np.where(self._is_speed, 0.0, np.abs(goal - pose))
        return self._joints[int(np.argmax(ways))], float(ways.max())
