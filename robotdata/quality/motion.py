"""Whether the robot moves, and when: in shares of each joint's own range, never in units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import SignalInput, is_motion
from robotdata.quality.metrics import SignalMetrics
from robotdata.quality.runs import Run

STILL = 0.03
"""A joint that stays within this share of its range stands still."""
_LEAST = 0.05
"""Joints that hardly move are measured against this share of the largest range beside them."""
_MARGIN_S = 0.25
_WORTH_S = 0.5


class Motion:
    """The moving joints of a take, each scaled to its own range."""

    def __init__(self, signals: Mapping[str, SignalInput], measured: Mapping[str, SignalMetrics], ticks: int) -> None:
        parts = [
            _scaled(signal.values, np.array(measured[name].moves))
            for name, signal in signals.items()
            if is_motion(name) and any(measured[name].moves)
        ]
        self._ways: NDArray[np.float64] = np.hstack(parts) if parts else np.empty((ticks, 0))

    def moved(self, run: Run, share: float = 0.05) -> bool:
        """Whether at least two joints (or the only one) moved by `share` of their range within `run`."""
        ways = self._ways[run[0] : run[1]]
        if not ways.size:
            return False
        return int((np.ptp(ways, axis=0) >= share).sum()) >= min(2, ways.shape[1])

    def still_head(self) -> int:
        """How many ticks at the beginning nothing has left its place; 0 where nothing moves at all."""
        return _still(self._ways)

    def still_tail(self) -> int:
        return _still(self._ways[::-1])

    def trim(self, fps: float) -> Run | None:
        """[first, end) without the idle beginning and end, a quarter of a second left of each; None for all of it."""
        ticks, margin = len(self._ways), round(_MARGIN_S * fps)
        head, tail = (max(0, still - margin) for still in (self.still_head(), self.still_tail()))
        first = head if head >= _WORTH_S * fps else 0
        end = ticks - (tail if tail >= _WORTH_S * fps else 0)
        return (first, end) if (first, end) != (0, ticks) and end - first >= fps else None


def _still(ways: NDArray[np.float64]) -> int:
    if not ways.size:
        return 0
    away = (np.abs(ways - np.median(ways[:3], axis=0)) > STILL).any(axis=1)
    return int(away.argmax()) if away.any() else 0


def _scaled(values: NDArray[Any], moves: NDArray[np.bool_]) -> NDArray[np.float64]:
    numbers = filled(values)
    low, high = np.percentile(numbers, [0.5, 99.5], axis=0)
    span = np.where(high > low, high - low, np.ptp(numbers, axis=0))
    span = np.maximum(span, _LEAST * span[moves].max())
    ways: NDArray[np.float64] = numbers[:, moves] / span[moves]
    return ways


def filled(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return float64 values with NaN replaced by the last value before it (or the first after)."""
    numbers = values.astype(np.float64)
    good = np.isfinite(numbers)
    if good.all():
        return np.clip(numbers, -1e30, 1e30)
    rows = np.where(good, np.arange(len(numbers))[:, None], -1)
    last = np.maximum.accumulate(rows, axis=0)
    last = np.where(last < 0, good.argmax(axis=0), last)
    result = np.take_along_axis(numbers, last, axis=0)
    return np.clip(np.nan_to_num(result), -1e30, 1e30)
