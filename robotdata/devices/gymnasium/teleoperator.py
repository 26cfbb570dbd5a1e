"""A teleoperator that wanders through the action space, to try an environment out."""

from __future__ import annotations

import numpy as np

from robotdata.capture.devices import Action, DeviceContext, Values
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.devices.gymnasium.simulation import simulation_of

_EVERY_S = 1.0


class Wanderer:
    """Goes from one random action to the next, each within a second."""

    def __init__(self, low: Action, high: Action, seed: int, fps: float) -> None:
        self._low, self._high = low, high
        self._random = np.random.default_rng(seed)
        self._steps = max(1, round(_EVERY_S * fps))
        self._step = 0
        self._from = self._to = (low + high) / 2

    def connect(self) -> None: ...

    def action(self, observation: Values) -> Action:
        if self._step % self._steps == 0:
            self._from, self._to = self._to, self._random.uniform(self._low, self._high)
        self._step += 1
        share = (self._step % self._steps or self._steps) / self._steps
        return np.asarray(self._from + (self._to - self._from) * share, np.float32)

    def disconnect(self) -> None: ...


def make_teleoperator(context: DeviceContext, options: Options) -> Wanderer:
    """Return a teleoperator for the rig's environment; `seed` makes it repeatable. Raises ConfigError."""
    actions = simulation_of(context, options).actions
    if not (np.isfinite(actions.low).all() and np.isfinite(actions.high).all()):
        raise ConfigError(f"{options.where}.kind", f"needs actions with limits; the environment has {actions}")
    return Wanderer(actions.low, actions.high, int(options.number("seed", 0, low=0, high=2**31)), context.fps)
