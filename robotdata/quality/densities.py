"""Where a joint spends its time: densities from the few numbers that are kept of each episode, not from its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.metrics import TakeMetrics

Floats = NDArray[np.float64]
_RESOLUTION = 1000
_QUANTILES = (("min", 0.0), ("q01", 0.01), ("q10", 0.1), ("q50", 0.5), ("q90", 0.9), ("q99", 0.99), ("max", 1.0))


@dataclass(frozen=True, slots=True)
class Spread:
    """One joint in one episode: `shares` of the frames, 0 to 1, lie below `values`; both ascend, float64 (k,)."""

    values: Floats
    shares: Floats


def spread_of_take(metrics: TakeMetrics, feature: str, index: int) -> Spread | None:
    """Return how joint `index` of a feature is spread over a take; None where the take does not tell.

    Taken from its range and, where the take is long enough, its mean positions in sixteen parts.
    """
    signal = metrics.signals.get(feature)
    if signal is None or index >= len(signal.names):
        return None
    least, most = signal.least[index], signal.most[index]
    ways = metrics.fingerprint.ways.get(feature, [])
    inner = sorted(ways[index]) if index < len(ways) else []
    positions = [least + (most - least) * min(max(way, 0), _RESOLUTION) / _RESOLUTION for way in inner]
    shares = [(number + 0.5) / len(inner) for number in range(len(inner))]
    return Spread(np.array([least, *positions, most]), np.array([0.0, *shares, 1.0]))


def spread_of_statistics(statistics: Mapping[str, Any], index: int) -> Spread | None:
    """Return how joint `index` is spread over a committed episode, by its stored statistics.

    `statistics` holds lists by name: at least `min` and `max`, and the quantiles that the dataset has. None where they
    are missing or hold no plain numbers.
    """
    found: list[tuple[float, float]] = []
    for name, share in _QUANTILES:
        values = statistics.get(name)
        value = values[index] if isinstance(values, list) and index < len(values) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
            found.append((float(value), share))
        elif name in ("min", "max"):
            return None
    return Spread(np.maximum.accumulate([value for value, _ in found]), np.array([share for _, share in found]))


def density(spreads: Sequence[Spread], low: float, high: float, bins: int) -> Floats:
    """Return float64 (bins,): the mean share of an episode's frames in each of equal bins from `low` to `high`.

    Zero where there is no episode or no range.
    """
    if not spreads or not high > low:
        return np.zeros(bins)
    edges = np.linspace(low, high, bins + 1)
    below = np.array([np.interp(edges, spread.values, spread.shares, left=0.0, right=1.0) for spread in spreads])
    below[:, 0] = 0.0  # frames that rest at the lowest value belong to the first bin
    below[:, -1] = 1.0
    result: Floats = np.diff(below, axis=1).mean(axis=0)
    return result
