"""RigClock: the offset between a rig's clock and the server's, so that ages refer to one clock."""

from __future__ import annotations

import time

_WINDOW_S = 150.0
_SAME_CLOCK_S = 1.0


class RigClock:
    """Compares the times in a rig's messages with the times of their arrival.

    Latency only adds to the difference, so the smallest difference of the last minutes is the best estimate. A
    difference below one second counts as latency, not as another clock.
    """

    def __init__(self) -> None:
        self._least = self._least_before = float("inf")
        self._since = time.monotonic()

    def heard(self, rig_s: float) -> None:
        """Record a message with the rig's timestamp `rig_s`, seconds since 1970 on its clock."""
        now = time.monotonic()
        if now - self._since > _WINDOW_S:
            self._least_before, self._least, self._since = self._least, float("inf"), now
        self._least = min(self._least, time.time() - rig_s)

    @property
    def offset_s(self) -> float:
        """Return the seconds to add to the rig's time to get the server's; 0 for a shared clock or without messages."""
        least = min(self._least, self._least_before)
        return 0.0 if abs(least) < _SAME_CLOCK_S or least == float("inf") else least
