"""RigClock: how far a rig's clock is from ours, so that ages are told by one clock."""

from __future__ import annotations

import time

_WINDOW_S = 150.0
_SAME_CLOCK_S = 1.0


class RigClock:
    """Compares the times that a rig sends with the times at which they arrive.

    A message is late by its way, never early: the least difference of the last minutes is the nearest to the truth.
    A difference below a second is taken for the way, not for another clock.
    """

    def __init__(self) -> None:
        self._least = self._least_before = float("inf")
        self._since = time.monotonic()

    def heard(self, rig_s: float) -> None:
        """Note a message that the rig stamped with `rig_s`, seconds since 1970 by its own clock."""
        now = time.monotonic()
        if now - self._since > _WINDOW_S:
            self._least_before, self._least, self._since = self._least, float("inf"), now
        self._least = min(self._least, time.time() - rig_s)

    @property
    def offset_s(self) -> float:
        """Seconds to add to a time of the rig to get ours; 0 where both use one clock, or nothing was heard."""
        least = min(self._least, self._least_before)
        return 0.0 if abs(least) < _SAME_CLOCK_S or least == float("inf") else least
