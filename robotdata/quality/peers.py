"""What is usual in a dataset: medians and MADs over its takes, so that a few bad ones change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import is_motion
from robotdata.quality.metrics import CameraMetrics, SignalMetrics, TakeMetrics

Floats = NDArray[np.float64]
_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Usual:
    """Median and robust standard deviation of `count` takes; arrays or single numbers."""

    middle: Floats
    spread: Floats
    count: int

    def z(self, value: Floats | float, least: Floats | float = 0.0) -> Floats:
        """How unusual, in robust standard deviations of at least `least` (and of 5 % of the median)."""
        spread = np.maximum(np.maximum(self.spread, 0.05 * np.abs(self.middle)), np.maximum(least, 1e-12))
        result: Floats = np.asarray((np.asarray(value) - self.middle) / spread)
        return result


def usual(values: Sequence[Floats] | Sequence[float]) -> Usual:
    """Of one number or one array a take; all of one shape, at least one."""
    table = np.array(values, np.float64)
    middle = np.median(table, axis=0)
    return Usual(middle, _MAD * np.median(np.abs(table - middle), axis=0), len(table))


class Peers:
    """Other takes of the same dataset, without those that have no tick. Make it once to judge many takes by it."""

    def __init__(self, takes: Sequence[TakeMetrics]) -> None:
        self.takes = [each for each in takes if each.ticks > 0]
        self._signals: dict[tuple[str, str, tuple[str, ...]], Usual | None] = {}
        self._spans: dict[tuple[str, tuple[str, ...]], Floats | None] = {}

    def __len__(self) -> int:
        return len(self.takes)

    def of(self, get: Callable[[TakeMetrics], float | None]) -> Usual | None:
        """What is usual for one number of a take, where at least one take has it."""
        values = [value for take in self.takes if (value := get(take)) is not None]
        return usual(values) if values else None

    def camera(self, key: str, get: Callable[[CameraMetrics], float | None]) -> Usual | None:
        return self.of(lambda take: get(take.cameras[key]) if key in take.cameras else None)

    def signal(self, feature: str, measure: str, names: Sequence[str]) -> Usual | None:
        """Of one list of a feature's measures, from the takes whose feature has the same names."""
        key = (feature, measure, tuple(names))
        if key not in self._signals:
            rows = [np.array(getattr(each, measure), np.float64) for each in self._same(feature, names)]
            self._signals[key] = usual(rows) if rows else None
        return self._signals[key]

    def share_moving(self, feature: str, names: Sequence[str]) -> Floats | None:
        """In what share of the takes each joint moves."""
        rows = [each.moves for each in self._same(feature, names)]
        return np.mean(np.array(rows, np.float64), axis=0) if rows else None

    def spans_for(self, take: TakeMetrics) -> dict[str, Floats]:
        """The range over the dataset, without the outermost takes, of each of `take`'s joints that others have too.

        0 where a joint never moves.
        """
        found: dict[str, Floats] = {}
        for feature, signal in take.signals.items():
            spans = self._span(feature, signal.names) if is_motion(feature) and signal.names else None
            if spans is not None:
                found[feature] = spans
        return found

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
        found = (take.signals.get(feature) for take in self.takes)
        return [each for each in found if each is not None and each.names == list(names)]
