"""The events of LeRobot's teleoperators (`get_teleop_events` of a game pad or a keyboard) as those of a rig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robotdata.devices.lerobot.driver import Driver

_INTERVENES, _SUCCESS, _RERECORD, _ENDS = "is_intervention", "success", "rerecord_episode", "terminate_episode"
METHOD = "get_teleop_events"


class TeleopEvents:
    """Asks a device at each tick. An event is told when it begins: a button may be held for many ticks.

    As in LeRobot, the end of an episode without success is a failure.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._before: dict[str, bool] = {}

    def read(self) -> list[str]:
        """Return the events since the last call. Raises DeviceError."""
        now = _by_name(self._driver.call(METHOD))
        begun = {name for name, value in now.items() if value and not self._before.get(name)}
        found = []
        if now.get(_INTERVENES, False) != self._before.get(_INTERVENES, False):
            found.append("intervention_on" if now.get(_INTERVENES) else "intervention_off")
        self._before = now
        if _RERECORD in begun:
            found.append("rerecord")
        elif _SUCCESS in begun:
            found += ["success", "stop"]
        elif _ENDS in begun:
            found += ["failure", "stop"]
        return found


def _by_name(events: Mapping[Any, Any]) -> dict[str, bool]:
    """Return the events by the values of LeRobot's names, which are an Enum."""
    return {str(getattr(name, "value", name)): bool(value) for name, value in events.items()}
