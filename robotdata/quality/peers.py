"""Statistics over the takes of a dataset: median and median absolute deviation, which ignore a few bad takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import is_motion
from robotdata.quality.metrics import CameraMetrics, SignalMetrics, TakeMetrics

Floats = NDArray[np.float64]
_MAD_TO_STD = 1.4826
"""Standard deviation / median absolute deviation of a normal distribution: 1 / 0.6745."""


@dataclass(frozen=True, slots=True)
class RobustStats:
    """Median and robust standard deviation over `count` takes. Both are arrays of one shape, or single numbers."""

    median: Floats
    spread: Floats
    count: int

    def z(self, value: Floats | float, least: Floats | float = 0.0) -> Floats:
        """Return (value - median) / spread.

        The spread is taken as at least `least` and at least 5 % of the median, so that equal takes do not make small
        differences unusual.
        """
        spread = np.maximum(np.maximum(self.spread, 0.05 * np.abs(self.median)), np.maximum(least, 1e-12))
        result: Floats = np.asarray((np.asarray(value) - self.median) / spread)
        return result


def robust_stats(values: Sequence[Floats] | Sequence[float]) -> RobustStats:
    """Return the statistics of one number or one array per take. `values` holds at least one; all have one shape."""
    table = np.array(values, np.float64)
    median = np.median(table, axis=0)
    return RobustStats(median, _MAD_TO_STD * np.median(np.abs(table - median), axis=0), len(table))


class Peers:
    """The takes of a dataset that have at least one tick. It caches statistics: build it once to judge many takes."""

    def __init__(self, takes: Sequence[TakeMetrics]) -> None:
        self.takes = [each for each in takes if each.ticks > 0]
        self._signals: dict[tuple[str, str, tuple[str, ...]], RobustStats | None] = {}
        self._spans: dict[tuple[str, tuple[str, ...]], Floats | None] = {}

    def __len__(self) -> int:
        return len(self.takes)

    def of(self, get: Callable[[TakeMetrics], float | None]) -> RobustStats | None:
        """Return the statistics of one number per take, or None if no take has it."""
        values = [value for take in self.takes if (value := get(take)) is not None]
        return robust_stats(values) if values else None

    def camera(self, key: str, get: Callable[[CameraMetrics], float | None]) -> RobustStats | None:
        """Return the statistics of one measure of camera `key`, or None if no take has it."""
        return self.of(lambda take: get(take.cameras[key]) if key in take.cameras else None)

    def signal(self, feature: str, measure: str, names: Sequence[str]) -> RobustStats | None:
        """Return the statistics of one list of `SignalMetrics`, for example "jerk": arrays (joints,).

        Only takes whose feature has the same `names` count; None if there are none.
        """
        key = (feature, measure, tuple(names))
        if key not in self._signals:
            rows = [np.array(getattr(each, measure), np.float64) for each in self._same(feature, names)]
            self._signals[key] = robust_stats(rows) if rows else None
        return self._signals[key]

    def share_moving(self, feature: str, names: Sequence[str]) -> Floats | None:
        """Return float64 (joints,): the share of takes in which each joint moves; None without takes to compare."""
        rows = [each.moves for each in self._same(feature, names)]
        return np.mean(np.array(rows, np.float64), axis=0) if rows else None

    def spans_for(self, take: TakeMetrics) -> dict[str, Floats]:
        """Return, by feature, float64 (joints,): the range of each joint over the dataset; 0 if it never moves.

        The range goes from the 10th percentile of the takes' `low` to the 90th percentile of their `high`. Only motion
        features of `take` that other takes have too are returned.
        """
        result: dict[str, Floats] = {}
        for feature, signal in take.signals.items():
            spans = self._span(feature, signal.names) if is_motion(feature) and signal.names else None
            if spans is not None:
                result[feature] = spans
        return result

    def _span(self, feature: str, names: Sequence[str]) -> Floats | None:
        key = (feature, tuple(names))
        if key not in self._spans:
            same = self._same(feature, names)
            if same:
                low = np.percentile([each.low for each in same], 10, axis=0)
                high = np.percentile([each.high for each in same], 90, axis=0)
                self._spans[key] = np.maximum(high - low, 0.0)
            else:
                self._spans[key] = None
        return self._spans[key]

    def _same(self, feature: str, names: Sequence[str]) -> list[SignalMetrics]:
        """Return the measures of `feature` from the takes in which it has the same names."""
        signals = (take.signals.get(feature) for take in self.takes)
        return [each for each in signals if each is not None and each.names == list(names)]
