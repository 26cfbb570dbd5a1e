"""Read the events of devices at each tick: what a foot pedal, a leader's button or a simulator asks for."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

from robotdata.capture.errors import DeviceError
from robotdata.capture.session import NamedDevice, Session

log = logging.getLogger(__name__)
EMERGENCY_EVENT = "emergency_stop"
_MOST = 100
_INTERVENES = {"intervention_on": True, "intervention_off": False}


class EventReader:
    """The events of those `devices` that have a method `events`; see `capture.devices.EventSource`.

    `has_interventions`: a device may report interventions. `intervenes`: a person intervenes at this tick.
    """

    def __init__(self, devices: Sequence[NamedDevice]) -> None:
        self._devices = [each for each in devices if hasattr(each.driver, "events")]
        self._events: deque[tuple[str, str]] = deque(maxlen=_MOST)
        self.has_interventions = any(getattr(each.driver, "interventions", False) is True for each in self._devices)
        self.intervenes = False

    def read(self, session: Session) -> bool:
        """Ask each device once; return whether one asks for an emergency stop. Raises DeviceFailed or SessionClosed."""
        emergency = False
        for device in self._devices:
            for event in session.call(device, "events", check=_checked):
                if event == EMERGENCY_EVENT:
                    log.warning("emergency stop by the %s", device.name)
                    emergency = True
                elif self.has_interventions and event in _INTERVENES:
                    self.intervenes = _INTERVENES[event]
                else:
                    self._events.append((device.name, event))
        return emergency

    def take(self) -> list[tuple[str, str]]:
        """Return the events since the last call as (name of the device, event), the oldest first; for any thread."""
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events


def _checked(events: Any) -> list[str]:
    """Return the result of `events`. Raises DeviceError if it is no list of texts."""
    if not isinstance(events, list | tuple) or not all(isinstance(event, str) for event in events):
        raise DeviceError(f"events returns {events!r:.60}, want a list of names")
    return list(events[:_MOST])
