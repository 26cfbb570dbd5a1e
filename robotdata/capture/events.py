"""Read the events of devices at each tick: what a foot pedal, a leader's button or a simulator asks for."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.devices import INTERVENTION
from robotdata.capture.errors import DeviceError
from robotdata.capture.session import NamedDevice, Session

log = logging.getLogger(__name__)
EMERGENCY_EVENT = "emergency_stop"
_MOST = 100
_INTERVENES = {"intervention_on": True, "intervention_off": False}


class EventReader:
    """The events of those `devices` that have a method `events`; see `capture.devices.EventSource`.

    It calls `stop` as soon as one of them asks for an emergency stop. Every other event waits for `tell`, at the end of
    its tick: an event that ends the take must not come before the tick's row. Then it calls `on_event`.
    `has_interventions`: a device may report interventions. `intervenes`: a person intervenes at this tick.
    """

    def __init__(self, devices: Sequence[NamedDevice], stop: Callable[[], None]) -> None:
        self._stop = stop
        self.on_event: Callable[[], None] = lambda: None
        self._devices = [each for each in devices if hasattr(each.driver, "events")]
        self._read: list[tuple[str, str]] = []
        self._events: deque[tuple[str, str]] = deque(maxlen=_MOST)
        self.has_interventions = any(getattr(each.driver, "interventions", False) is True for each in self._devices)
        self.intervenes = False

    def read(self, session: Session) -> None:
        """Ask each device once. Raises DeviceFailed, and SessionClosed after an emergency stop."""
        for device in self._devices:
            session.call(device, "events", check=partial(self._take_in, device.name))

    def _take_in(self, name: str, events: Any) -> None:
        """Act on the result of `events`. Raises DeviceError if it is not a list of texts."""
        is_list = isinstance(events, list | tuple)
        # First, whatever else is wrong with the events, with this device, or with one that is asked after it.
        if is_list and any(isinstance(event, str) and event == EMERGENCY_EVENT for event in events):
            log.warning("emergency stop by the %s", name)
            self._stop()
        if not is_list or not all(isinstance(event, str) for event in events):
            raise DeviceError(f"events returns {events!r:.60}, want a list of names")
        for event in events[:_MOST]:
            if self.has_interventions and event in _INTERVENES:
                self.intervenes = _INTERVENES[event]
            elif event != EMERGENCY_EVENT:
                self._read.append((name, event))

    @contextmanager
    def told_at_the_end(self) -> Iterator[None]:
        """Tell the events of a tick after it, also of one that fails."""
        try:
            yield
        finally:
            self.tell()

    def tell(self) -> None:
        """Let `take` have the events that were read since the last call."""
        if self._read:
            self._events.extend(self._read)
            self._read.clear()
            self.on_event()

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return what the row of this tick says of interventions; nothing where no device reports them."""
        return {INTERVENTION: np.array([self.intervenes])} if self.has_interventions else {}

    def take(self) -> list[tuple[str, str]]:
        """Return the events told since the last call as (name of the device, event), the oldest first; any thread."""
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events
