"""An environment whose task is done after eight steps; it refuses a step after that, as gymnasium's rules say."""

from __future__ import annotations

from typing import Any

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


gymnasium.register("Counting-v0", Counting)
