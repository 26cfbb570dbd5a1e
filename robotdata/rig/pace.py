"""Say when the state machine has to look at its devices again."""

from __future__ import annotations

import threading

from robotdata.capture import clock
from robotdata.capture.events import EventReader


class Pace:
    """Waits for the next step of a machine: rarely, because a device's event and a timer's end come at once."""

    def __init__(self, events: EventReader) -> None:
        self._woken = threading.Event()
        events.on_event = self.wake

    def wake(self) -> None:
        """Begin the next step now: there is something new to look at, or another timer. Any thread may call it."""
        self._woken.set()

    def wait(self, step_s: float, ends_at: float | None) -> None:
        """Wait `step_s` seconds, until the timer ends at `ends_at` (monotonic seconds), or until `wake`."""
        left_s = step_s if ends_at is None else ends_at - clock.monotonic()
        self._woken.wait(left_s if 0 < left_s < step_s else step_s)  # one that has ended is not waited for again
        self._woken.clear()
