"""An environment whose task is done after eight steps; it refuses a step after that, as gymnasium's rules say."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import gymnasium
import numpy as np

STEPS = 8


class Counting(gymnasium.Env):  # type: ignore[misc,unused-ignore]
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    observation_space = gymnasium.spaces.Box(0, 100, (1,), np.float32)

    def __init__(self) -> None:
        self.count = 0

    def reset(self, **arguments: Any) -> Any:
        super().reset(seed=arguments.get("seed"))
        self.count = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        assert self.count < STEPS
        self.count += 1
        done = self.count == STEPS
        return np.array([self.count], np.float32), float(self.count), done, False, {"is_success": done}


class Slow(Counting):
    """Takes long to be made, for its first episode, and for the renderings with the numbers `slow`, from 1."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    def __init__(self, render_mode: str, seconds: float, slow: list[int]) -> None:
        super().__init__()
        self.render_mode, self.seconds, self.slow = render_mode, seconds, slow
        self.resets = self.renders = 0
        time.sleep(seconds)

    def reset(self, **arguments: Any) -> Any:
        self.resets += 1
        if self.resets == 1:
            time.sleep(self.seconds)
        return super().reset(**arguments)

    def render(self) -> Any:
        self.renders += 1
        if self.renders in self.slow:
            time.sleep(self.seconds)
        return np.full((48, 64, 3), 30 * self.count, np.uint8)


gymnasium.register("Counting-v0", Counting)
gymnasium.register("Slow-v0", Slow)
