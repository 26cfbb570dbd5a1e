"""SO leaders of a lab: one whose joints come in the opposite order, and one with buttons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot.teleoperators import TeleoperatorConfig
from lerobot.teleoperators.so_leader import SOLeader, SOLeaderConfig
from lerobot.teleoperators.utils import TeleopEvents


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


@TeleoperatorConfig.register_subclass("buttoned_leader")
@dataclass
class ButtonedLeaderConfig(TeleoperatorConfig, SOLeaderConfig):
    buttons: str = ""
    """A JSON file with the names of the buttons that are held down."""


class ButtonedLeader(SOLeader):
    config_class = ButtonedLeaderConfig
    name = "buttoned_leader"

    def get_teleop_events(self) -> dict[Any, bool]:
        held = json.loads(Path(self.config.buttons).read_text())
        return {event: event.value in held for event in TeleopEvents}
