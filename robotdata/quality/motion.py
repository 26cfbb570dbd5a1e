"""Find out whether and when the robot moves, in shares of each joint's own range instead of units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import SignalInput, is_motion
from robotdata.quality.metrics import SignalMetrics
from robotdata.quality.runs import Run

STILL = 0.03
"""A joint is idle while it stays within this share of its range."""
_MIN_RANGE = 0.05
"""The least range of a joint, as a share of the largest range in its feature: noise of a small joint is not motion."""
_MARGIN_S = 0.25
"""A suggested trim keeps this much of each idle end."""
_MIN_TRIM_S = 0.5
"""A suggested trim cuts at least this much of an end."""


class Motion:
    """The joints of a take that move, each scaled to its own range."""

    def __init__(self, signals: Mapping[str, SignalInput], measured: Mapping[str, SignalMetrics], ticks: int) -> None:
        parts = [
            _scaled(signal.values, np.array(measured[name].moves))
            for name, signal in signals.items()
            if is_motion(name) and any(measured[name].moves)
        ]
        self._positions: NDArray[np.float64] = np.hstack(parts) if parts else np.empty((ticks, 0))

    def moved(self, run: Run, share: float = 0.05) -> bool:
        """Return whether at least two joints (or the only one) move by `share` of their range within `run`."""
        positions = self._positions[run[0] : run[1]]
        if not positions.size:
            return False
        return int((np.ptp(positions, axis=0) >= share).sum()) >= min(2, positions.shape[1])

    def still_head(self) -> int:
        """Return how many ticks at the beginning every joint is idle; 0 if nothing moves in the whole take."""
        return _still(self._positions)

    def still_tail(self) -> int:
        """Return how many ticks at the end every joint is idle; 0 if nothing moves in the whole take."""
        return _still(self._positions[::-1])

    def trim(self, fps: float) -> Run | None:
        """Return the run [first, end) without the idle ends, or None if there is nothing to cut.

        A quarter of a second of each idle end is kept. Ends that are idle for less than half a second are not cut, and
        at least one second must remain.
        """
        ticks, margin = len(self._positions), round(_MARGIN_S * fps)
        head, tail = (max(0, still - margin) for still in (self.still_head(), self.still_tail()))
        first = head if head >= _MIN_TRIM_S * fps else 0
        end = ticks - (tail if tail >= _MIN_TRIM_S * fps else 0)
        return (first, end) if (first, end) != (0, ticks) and end - first >= fps else None


def _still(positions: NDArray[np.float64]) -> int:
    """Return the first tick at which a joint has left the place of the first three ticks; 0 if none does."""
    if not positions.size:
        return 0
    away = (np.abs(positions - np.median(positions[:3], axis=0)) > STILL).any(axis=1)
    return int(away.argmax()) if away.any() else 0


def _scaled(values: NDArray[Any], moves: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return float64 (ticks, moving joints): positions divided by the range between percentiles 0.5 and 99.5."""
    numbers = filled(values)
    low, high = np.percentile(numbers, [0.5, 99.5], axis=0)
    span = np.where(high > low, high - low, np.ptp(numbers, axis=0))
    span = np.maximum(span, _MIN_RANGE * span[moves].max())
    positions: NDArray[np.float64] = numbers[:, moves] / span[moves]
    return positions


def filled(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return float64 of the same shape; NaN and infinity are replaced by the last finite value (or the next)."""
    numbers = values.astype(np.float64)
    good = np.isfinite(numbers)
    if good.all():
        return np.clip(numbers, -1e30, 1e30)
    rows = np.where(good, np.arange(len(numbers))[:, None], -1)
    last = np.maximum.accumulate(rows, axis=0)
    last = np.where(last < 0, good.argmax(axis=0), last)
    result = np.take_along_axis(numbers, last, axis=0)
    return np.clip(np.nan_to_num(result), -1e30, 1e30)
