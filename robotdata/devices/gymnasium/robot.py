"""The robot of an environment of gymnasium."""

from __future__ import annotations

from typing import Any

import numpy as np

from robotdata.capture.devices import Action, DeviceContext, Values
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.devices.gymnasium.simulation import KEY, Simulation, part_of
from robotdata.numbers import count as count_of

STATE = "observation.state"
_ENDLESS = 1e30
"""A bound beyond this is an environment's word for none: the largest float32, or infinity."""
REWARD, SUCCESS = "observation.reward", "observation.success"


class GymnasiumRobot:
    """The environment's actions, its state, and the reward and success that the last action had.

    It sends `success` once when a task is done, and `stop` when the environment ends its episode during a take.
    """

    def __init__(self, simulation: Simulation, state: str, names: list[str], robot_type: str) -> None:
        self._simulation, self._state = simulation, state
        self.robot_type = robot_type
        size = simulation.actions.shape[0]
        self.features: dict[str, Any] = {
            "action": {"dtype": "float32", "shape": [size], "names": names, **_limits(simulation.actions)}
        }
        space = part_of(simulation.observations, state)
        if space is not None:
            count = int(np.prod(space.shape))
            self.features[STATE] = {"dtype": "float32", "shape": [count], "names": _numbered("state", count)}
            self.features[STATE] |= _limits(space)
        self.features[REWARD] = {"dtype": "float32", "shape": [1], "names": None}
        self.features[SUCCESS] = {"dtype": "bool", "shape": [1], "names": None}
        self._in_take = self._said_success = False

    def connect(self) -> None:
        self._in_take = self._said_success = False  # a take that failed has no `end_take`
        self._simulation.connect()

    def begin_take(self) -> None:
        self._simulation.observe()  # the last action may have ended the episode
        if self._simulation.is_over:
            self._simulation.reset()
        self._in_take, self._said_success = True, False

    def end_take(self) -> None:
        self._in_take = False

    def reset(self) -> None:
        self._simulation.reset()

    def observe(self) -> Values:
        observation = self._simulation.observe()
        values: dict[str, Any] = {REWARD: self._simulation.reward, SUCCESS: self._simulation.is_success}
        if STATE in self.features:
            values[STATE] = np.asarray(part_of(observation, self._state), np.float32).reshape(-1)
        return values

    def act(self, action: Action) -> Action:
        return self._simulation.act(action)

    def events(self) -> list[str]:
        if not self._in_take:
            return []
        events = []
        if self._simulation.is_success and not self._said_success:
            self._said_success = True
            events.append("success")
        if self._simulation.is_over:
            self._in_take = False
            events.append("stop")
        return events

    def disconnect(self) -> None:
        self._simulation.close()


def make_robot(context: DeviceContext, options: Options) -> GymnasiumRobot:
    """Return the robot of the environment `env`, made with the arguments in the table `make`. Raises ConfigError."""
    env = options.text("env")
    arguments = options.table("make").remaining()
    seed = int(options.number("seed", 0, low=0, high=2**31))
    simulation = Simulation(env, arguments, seed, options.where)
    context.shared[KEY] = simulation
    state = options.text("state") if "state" in options.names() else ""
    space = part_of(simulation.observations, state)
    if state and getattr(space, "shape", None) is None:
        raise ConfigError(
            f"{options.where}.state", f"is {state!r}, which the observations lack: {simulation.observations}"
        )
    if not state and len(getattr(space, "shape", None) or (0, 0)) != 1:
        state = "-"  # pictures, or several parts: nothing that is a state by itself
    size = simulation.actions.shape[0]
    names = options.texts("joints") if "joints" in options.names() else _numbered("action", size)
    if len(names) != size:
        problem = f"has {count_of(len(names), 'name')}; {env!r} takes {count_of(size, 'value')}"
        raise ConfigError(f"{options.where}.joints", problem)
    return GymnasiumRobot(simulation, state, names, options.text("robot_type", env.split(":")[-1]))


def _limits(space: Any) -> dict[str, Any]:
    """Return the `limits` of a Box's values, None where it has none; nothing for a space without any."""
    low, high = (np.asarray(getattr(space, name, ()), np.float64).reshape(-1) for name in ("low", "high"))
    limits = [
        [a, b] if abs(a) < _ENDLESS and abs(b) < _ENDLESS else None
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    return {"limits": limits} if any(limits) else {}


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}_{number}" for number in range(count)]
