"""The environment that the devices of one rig share: its spaces, its newest step, and its end."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.capture.session import describe_error

KEY = "gymnasium"
INSTALL = "pip install 'robotdata-lab[gymnasium]' and the package of the environment"


class Simulation:
    """One environment, made by `make` in the thread that first asks for an observation: contexts belong to a thread.

    `observation` is what the loop observed last, and `picture` what `render` returned for it if `renders` is True.
    `reward` and `is_success` follow from the last action. `is_over`: the environment has ended its episode, and
    nothing moves until `reset`. Raises ConfigError if the environment cannot be made or has no action of numbers.
    """

    def __init__(self, env: str, arguments: Mapping[str, Any], seed: int, where: str) -> None:
        try:
            gymnasium: Any = importlib.import_module("gymnasium")
        except ImportError as error:
            raise ConfigError(f"{where}.kind", f"needs gymnasium: {INSTALL} ({error})") from error
        self._make: Callable[[], Any] = lambda: gymnasium.make(env, **arguments)
        self._seed: int | None = seed
        try:
            first = self._make()  # for its spaces alone
            self.actions, observations = first.action_space, first.observation_space
            first.close()
        except Exception as error:  # an environment may raise anything
            raise ConfigError(f"{where}.env", f"{env!r} cannot be made: {describe_error(error)}. {INSTALL}") from error
        if not isinstance(self.actions, gymnasium.spaces.Box) or len(self.actions.shape) != 1:
            raise ConfigError(f"{where}.env", f"{env!r} takes actions of {self.actions}; want a Box of one dimension")
        self.observations = observations
        self.renders = False
        self.observation: Any = None
        self.picture: Any = None
        self.reward, self.is_success, self.is_over = 0.0, False, False
        self._next: Any = None
        self._env: Any = None

    def observe(self) -> Any:
        """Return the present observation, and keep it with its picture. Raises DeviceError."""
        if self._env is None:
            self._env = self._make()
            self.reset()
        self.observation = self._next
        if self.renders:
            self.picture = self._env.render()
        return self.observation

    def step(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do one step with `action`, clipped to the limits of the action space; return the clipped one."""
        sent = np.clip(action, self.actions.low, self.actions.high).astype(self.actions.dtype)
        if not self.is_over:
            self._next, reward, terminated, truncated, info = self._env.step(sent)
            self.reward = float(reward)
            self.is_success = bool(info.get("is_success", terminated))
            self.is_over = bool(terminated or truncated)
        return sent.astype(np.float32)

    def reset(self) -> None:
        """Begin another episode of the environment; the first one has the seed, and the others follow from it."""
        self._next, _ = self._env.reset(seed=self._seed)
        self._seed = None
        self.reward, self.is_success, self.is_over = 0.0, False, False

    def close(self) -> None:
        """Close the environment; the next `observe` makes another."""
        env, self._env = self._env, None
        if env is not None:
            env.close()


def simulation_of(context: DeviceContext, options: Options) -> Simulation:
    """Return the simulation of the rig's robot. Raises ConfigError if the robot is of another kind."""
    simulation = context.shared.get(KEY)
    if not isinstance(simulation, Simulation):
        raise ConfigError(f"{options.where}.kind", 'is "gymnasium", and so must be that of [robot]')
    return simulation


def part_of(observation: Any, path: str) -> Any:
    """Return a part of an observation by its keys, joined by dots; None if there is none."""
    for key in path.split(".") if path else ():
        try:
            observation = observation[key]
        except (KeyError, TypeError, IndexError):
            return None
    return observation


def picture_of(value: Any, where: str) -> NDArray[np.uint8]:
    """Return a picture as uint8 (H, W, 3). Raises DeviceError if it is none."""
    array: NDArray[Any] = np.asarray(value) if value is not None else np.zeros(0)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise DeviceError(f"{where} is no picture of uint8 (H, W, 3), but {array.dtype} {array.shape}")
    return array
