"""An SO leader whose joints come in the opposite order."""

from __future__ import annotations

from dataclasses import dataclass

from lerobot.teleoperators import TeleoperatorConfig
from lerobot.teleoperators.so_leader import SOLeader, SOLeaderConfig


@TeleoperatorConfig.register_subclass("reversed_leader")
@dataclass
class ReversedLeaderConfig(TeleoperatorConfig, SOLeaderConfig): ...


class ReversedLeader(SOLeader):
    config_class = ReversedLeaderConfig
    name = "reversed_leader"

    @property
    def action_features(self) -> dict[str, type]:
        return dict(reversed(super().action_features.items()))

    def get_action(self) -> dict[str, float]:
        return dict(reversed(super().get_action().items()))
