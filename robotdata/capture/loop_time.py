"""Measure what the devices take of the control loop's ticks, so that a slow driver is seen."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

PARTS = ("observe", "teleoperate", "act", "cameras", "wait")
"""The parts of a tick in their order; `cameras` are those that the loop reads itself, `wait` is what is left over."""


@dataclass(frozen=True, slots=True)
class LoopCounters:
    """Ticks since the counters were reset: all, those that began late, and those that were skipped.

    `fps` is the rate over the last two seconds in Hz, `jitter_p99_ms` the 99th percentile of how late ticks began.
    """

    ticks: int
    late_ticks: int
    dropped_ticks: int
    fps: float
    jitter_p99_ms: float


class LoopTime:
    """The times of the newest ticks, about one second of them. One thread adds, any thread may ask."""

    def __init__(self, fps: float) -> None:
        self._period_ns = round(1e9 / fps)
        self._parts = [array("q", bytes(8 * max(2, round(fps)))) for _ in PARTS]
        self._ticks = 0

    def add(self, began: int, observed: int, asked: int, acted: int, grabbed: int) -> None:
        """Add one tick: monotonic ns when it began, and after robot, teleoperator, robot and cameras had answered."""
        at = self._ticks % len(self._parts[0])
        observe, teleoperate, act, cameras, wait = self._parts
        observe[at] = observed - began
        teleoperate[at] = asked - observed
        act[at] = acted - asked
        cameras[at] = grabbed - acted
        wait[at] = max(0, self._period_ns - (grabbed - began))
        self._ticks += 1

    def clear(self) -> None:
        """Forget all ticks: the loop starts again."""
        self._ticks = 0

    def percentiles_ms(self) -> dict[str, tuple[float, float]]:
        """Return the median and the 99th percentile of each of PARTS in ms; empty before the first tick."""
        count = min(self._ticks, len(self._parts[0]))
        if not count:
            return {}
        times = np.array([part[:count] for part in self._parts])
        p50, p99 = np.percentile(times, (50, 99), axis=1) / 1e6
        return {name: (round(float(p50[n]), 3), round(float(p99[n]), 3)) for n, name in enumerate(PARTS)}
