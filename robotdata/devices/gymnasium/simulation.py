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
from robotdata.distribution import extra_command

KEY = "gymnasium"


class Simulation:
    """One environment, made by `connect` in the control loop's thread: its contexts, of OpenGL say, belong to a thread.

    `observation` is what the loop observed last; `reward` and `is_success` follow from the action before it. `is_over`:
    the environment has ended its episode, and nothing moves until `reset`. `renders`: a camera shows what the
    environment renders. Raises ConfigError if the environment cannot be made or has no action of numbers.
    """

    def __init__(self, env: str, arguments: Mapping[str, Any], seed: int, where: str) -> None:
        try:
            gymnasium: Any = importlib.import_module("gymnasium")
        except ImportError as error:
            raise ConfigError(f"{where}.kind", f"needs gymnasium: {_install()} ({error})") from error
        self._make: Callable[[], Any] = lambda: gymnasium.make(env, **arguments)
        self._seed: int | None = seed
        try:
            first = self._make()  # for its spaces alone
            self.actions, observations = first.action_space, first.observation_space
            first.close()
        except Exception as error:  # an environment may raise anything
            raise ConfigError(
                f"{where}.env", f"{env!r} cannot be made: {describe_error(error)}. {_install()}"
            ) from error
        if not isinstance(self.actions, gymnasium.spaces.Box) or len(self.actions.shape) != 1:
            raise ConfigError(f"{where}.env", f"{env!r} takes actions of {self.actions}; want a Box of one dimension")
        self.observations = observations
        self.renders = False
        self.observation: Any = None
        self.reward, self.is_success, self.is_over = 0.0, False, False
        self._picture: Any = None
        self._due: NDArray[Any] | None = None
        self._env: Any = None

    def connect(self) -> None:
        """Make the environment, begin its first episode and render it: the first time, each of them may be slow."""
        self._env = self._make()
        self.reset()
        if self.renders:
            self.render()

    def observe(self) -> Any:
        """Do the step that is due; return the observation, which is that of `render` until the next call."""
        due, self._due = self._due, None
        if due is not None and not self.is_over:
            self.observation, reward, terminated, truncated, info = self._env.step(due)
            self._picture = None
            self.reward = float(reward)
            self.is_success = bool(info.get("is_success", terminated))
            self.is_over = bool(terminated or truncated)
        return self.observation

    def render(self) -> Any:
        """Return the picture of `observation`, rendered once however many cameras show it."""
        if self._picture is None:
            self._picture = self._env.render()
        return self._picture

    def act(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Let the next `observe` do one step with `action`, clipped to the action space; return the clipped one.

        At once, the step would change what the cameras of this tick still have to show.
        """
        self._due = np.clip(action, self.actions.low, self.actions.high).astype(self.actions.dtype)
        return self._due.astype(np.float32)

    def reset(self) -> None:
        """Begin another episode of the environment; the first one has the seed, and the others follow from it."""
        self.observation, _ = self._env.reset(seed=self._seed)
        self._seed = self._picture = self._due = None
        self.reward, self.is_success, self.is_over = 0.0, False, False

    def close(self) -> None:
        """Close the environment; the next `connect` makes another."""
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
        raise DeviceError(f"{where} is not a picture of uint8 (H, W, 3), but {array.dtype} {array.shape}")
    return array


def _install() -> str:
    return f"{extra_command('gymnasium')}, and the package of the environment"
