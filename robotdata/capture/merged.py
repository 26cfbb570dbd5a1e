"""Merge the actions of several teleoperators, such as a leader arm and a keyboard for the base, by joint names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION
from robotdata.capture.errors import ConfigError
from robotdata.capture.values import StoredValue, as_float32, names_of_action


class MergedActions:
    """The actions of teleoperators with these `features` by name; together they have the robot's joints.

    Raises ConfigError, with the joints of all, if a teleoperator does not name its joints, if two have the same joint,
    or if a joint of the robot is missing or unknown.
    """

    def __init__(self, features: Mapping[str, Any], robot: Mapping[str, Mapping[str, Any]]) -> None:
        names = {name: names_of_action(each, f"teleoperator {name}") for name, each in features.items()}
        wanted = StoredValue(ACTION, robot.get(ACTION, {})).names
        for name, joints in names.items():
            if not joints:
                problem = "does not name its joints, so it cannot be one of several; give it `features`"
                raise ConfigError(f"teleoperators.{name}", problem)
        together = [joint for joints in names.values() for joint in joints]
        if sorted(together) != sorted(wanted):
            gives = "; ".join(f"{name} gives {', '.join(joints)}" for name, joints in names.items())
            twice = sorted({joint for joint in together if together.count(joint) > 1})
            problem = f"two of them have {', '.join(twice)}" if twice else "their joints are not the robot's"
            raise ConfigError("teleoperators", f"{problem}: {gives}; the robot takes {', '.join(wanted) or 'no names'}")
        dtype = robot[ACTION]["dtype"]
        self._parts = [
            StoredValue(ACTION, {"dtype": dtype, "shape": [len(joints)], "names": joints}) for joints in names.values()
        ]
        self.features = {ACTION: {"dtype": dtype, "shape": [len(together)], "names": together}}

    def part(self, index: int, value: Any) -> NDArray[Any]:
        """Return the action of the teleoperator number `index`, (n,) of the feature's dtype. Raises DeviceError."""
        stored = self._parts[index].convert(value, "action")
        as_float32(stored)
        return stored

    def join(self, parts: list[NDArray[Any]]) -> NDArray[Any]:
        """Return the actions of all teleoperators as one, in the order of `features`."""
        return np.concatenate(parts)
