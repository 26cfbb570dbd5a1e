"""LeRobot's statistics, in float64: per episode from all rows or sampled pictures, and over episodes.

A statistic maps min, max, mean, std, count and the quantiles q01 to q99 to arrays of shape (d,), cameras
(3, 1, 1), depth (1, 1, 1), `count` (1,). A colour camera's values are in [0, 1], depth's in its own unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Stat: TypeAlias = dict[str, NDArray[Any]]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
BASE = ("min", "max", "mean", "std", "count")
NAMES = (*BASE, *QUANTILES)
BINS = 5000
_MARGIN = 1e-10
_LARGE_SIDE = 300
_SMALL_SIDE = 150


def numeric_stats(values: NDArray[Any]) -> Stat:
    """Statistics of `values`, (n, d) or (n,), n >= 1, over its rows; each (d,), float64."""
    rows = np.asarray(values, np.float64)
    rows = rows.reshape(len(rows), -1)
    low, high = rows.min(axis=0), rows.max(axis=0)
    mean = rows.mean(axis=0)
    # E[x^2] - E[x]^2 loses all digits of a small spread on a large mean; this is the same value, kept.
    std = np.sqrt(np.mean((rows - mean) ** 2, axis=0))
    made: Stat = {"min": low, "max": high, "mean": mean, "std": std, "count": np.array([len(rows)], np.int64)}
    if len(rows) == 1:
        return made | {name: mean.copy() for name in QUANTILES}
    columns = [_quantiles(rows[:, column]) for column in range(rows.shape[1])]
    return made | {name: np.array([column[name] for column in columns]) for name in QUANTILES}


def sample_indices(frames: int) -> NDArray[np.int64]:
    """Which of `frames` frames enter a camera's statistics, int64, ascending."""
    count = max(min(100, frames), min(int(frames**0.75), 10_000))
    return np.round(np.linspace(0, frames - 1, count)).astype(np.int64)


class ImageStats:
    """Statistics of a camera, fed with pictures one at a time; memory does not grow with their number."""

    _levels = 256
    _white = 255.0

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] | None = None
        self._pictures = 0

    def add(self, picture: NDArray[Any]) -> None:
        """One picture, uint8 (H, W, C); large ones are thinned out as LeRobot does."""
        height, width = picture.shape[:2]
        step = 1
        if max(height, width) >= _LARGE_SIDE:
            step = max(1, int((width if width > height else height) / _SMALL_SIDE))
        thin = picture[::step, ::step]
        counts = np.stack([np.bincount(thin[..., c].ravel(), minlength=self._levels) for c in range(thin.shape[2])])
        self._counts = counts if self._counts is None else self._counts + counts
        self._pictures += 1

    def result(self) -> Stat:
        """Each (C, 1, 1) in shares of white; `count` is the number of pictures. Raises ValueError without any."""
        if self._counts is None:
            raise ValueError("no picture was added; a camera's statistics need at least one")
        made = [_level_stats(levels) for levels in self._counts]
        stat = {n: np.array([channel[n] for channel in made]).reshape(-1, 1, 1) / self._white for n in made[0]}
        return stat | {"count": np.array([self._pictures], np.int64)}


class DepthStats(ImageStats):
    """The same of depth maps, uint16 (H, W, 1): in the unit that they are in, as LeRobot keeps them."""

    _levels = 65536
    _white = 1.0


def aggregate(stats: Sequence[Mapping[str, Any]]) -> Stat:
    """Statistics over the union of what `stats` were made from; quantiles become their envelope.

    Quantiles that one of them lacks are left out. Raises ValueError where `stats` is empty.
    """
    if not stats:
        raise ValueError("no statistics to aggregate")
    names = [name for name in NAMES if all(name in stat for stat in stats)]
    columns = {name: np.stack([np.asarray(stat[name], np.float64) for stat in stats]) for name in names}
    return aggregate_columns(columns)


def aggregate_columns(columns: Mapping[str, NDArray[Any]]) -> Stat:
    """As `aggregate`; each name maps to an array (episodes, ...)."""
    count = columns["count"].astype(np.float64)
    mean = columns["mean"].astype(np.float64)
    weight = (count / count.sum()).reshape(-1, *[1] * (mean.ndim - 1))
    total_mean = (mean * weight).sum(axis=0)
    variance = ((columns["std"].astype(np.float64) ** 2 + (mean - total_mean) ** 2) * weight).sum(axis=0)
    made: Stat = {
        "min": columns["min"].min(axis=0),
        "max": columns["max"].max(axis=0),
        "mean": total_mean,
        "std": np.sqrt(variance),
        "count": np.array([int(count.sum())], np.int64),
    }
    for name, share in QUANTILES.items():
        if name in columns:
            made[name] = columns[name].min(axis=0) if share <= 0.5 else columns[name].max(axis=0)
    return made


def to_json(stat: Mapping[str, Any]) -> dict[str, Any]:
    """Nested lists, for `stats.json`, in LeRobot's order."""
    return {name: np.asarray(stat[name]).tolist() for name in NAMES if name in stat}


def from_json(stat: Mapping[str, Any]) -> Stat:
    """The other way; values that are no numbers raise ValueError."""
    return {
        name: np.asarray(value, np.int64 if name == "count" else np.float64)
        for name, value in stat.items()
        if name in NAMES
    }


def _level_stats(counts: NDArray[np.int64]) -> dict[str, float]:
    """Statistics of one channel from how often each of its levels occurs, in levels."""
    levels = np.flatnonzero(counts).astype(np.float64)
    weights = counts[counts > 0].astype(np.float64)
    total = weights.sum()
    mean = float((levels * weights).sum() / total)
    variance = float((weights * (levels - mean) ** 2).sum() / total)
    made = {"min": levels[0], "max": levels[-1], "mean": mean, "std": variance**0.5}
    return made | _quantiles(levels, weights)


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> dict[str, float]:
    """LeRobot's rule: a histogram of BINS bins, linear within the first bin where the count is reached.

    The histogram itself is never made: a quantile asks for one bin of it.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    counts = np.ones(len(values)) if weights is None else weights[order]
    reached = np.concatenate([[0.0], np.cumsum(counts)])
    edges = np.linspace(ordered[0] - _MARGIN, ordered[-1] + _MARGIN, BINS + 1)
    if not np.isfinite(edges).all() or edges[0] == edges[-1]:
        return dict.fromkeys(QUANTILES, float(ordered[len(ordered) // 2]))
    made = {}
    for name, share in QUANTILES.items():
        target = share * reached[-1]
        value = ordered[min(max(int(np.searchsorted(reached, target)) - 1, 0), len(ordered) - 1)]
        at = min(max(int(np.searchsorted(edges, value, side="right")) - 1, 0), BINS - 1)
        if at == 0:
            made[name] = float(edges[0])
            continue
        before = reached[int(np.searchsorted(ordered, edges[at]))]
        after = reached[-1] if at == BINS - 1 else reached[int(np.searchsorted(ordered, edges[at + 1]))]
        part = (target - before) / (after - before) if after > before else 0.0
        made[name] = float(edges[at] + part * (edges[at + 1] - edges[at]))
    return made
