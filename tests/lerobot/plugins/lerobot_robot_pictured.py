"""An SO follower whose observation has pictures of its gripper: how far open it is, as a shade and as a distance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.robots import RobotConfig
from lerobot.robots.so_follower import SOFollower, SOFollowerConfig

SIZE = (64, 96)


@RobotConfig.register_subclass("pictured")
@dataclass
class PicturedConfig(RobotConfig, SOFollowerConfig):
    torn: str = ""
    """While this file exists, the picture has another size."""
    blind: str = ""
    """While this file exists, there is no picture, which LeRobot's cameras say by an error."""


class Pictured(SOFollower):
    config_class = PicturedConfig
    name = "pictured"

    @property
    def observation_features(self) -> dict[str, Any]:
        return {"hand": (*SIZE, 3), **self._motors_ft, "hand_depth": (*SIZE, 1), "mood": str}

    def get_observation(self) -> dict[str, Any]:
        observation = super().get_observation()
        if self.config.blind and Path(self.config.blind).exists():
            raise TimeoutError("no picture")
        share = observation["gripper.pos"]
        torn = self.config.torn and Path(self.config.torn).exists()
        hand = np.full((32, 96, 3) if torn else (*SIZE, 3), round(2 * share), np.uint8)
        depth = np.full((*SIZE, 1), round(1000 + 10 * share), np.uint16)
        return {"hand": hand, "hand_depth": depth, "mood": "calm", **observation}
