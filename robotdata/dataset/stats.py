"""LeRobot's statistics in float64: per episode from all rows or sampled frames, and over episodes.

A statistic maps min, max, mean, std, count and the quantiles q01 to q99 to arrays: (d,) for numbers, (3, 1, 1) for
cameras, (1, 1, 1) for depth; `count` is always (1,). Values of a colour camera are in [0, 1], depth is in its own unit.
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


def numeric_stats(values: NDArray[Any], shape: Sequence[int] | None = None) -> Stat:
    """Return the statistics of `values`, (n, ...) or (n,), n >= 1, as float64.

    `shape` is the feature's. As in LeRobot, the statistics of a feature of rank 2 or more cover only its last
    dimension: all values with the same last index are pooled, and `count` is still the number of rows. A column with a
    value that is not finite gives NaN, as in LeRobot.
    """
    rows = np.asarray(values)
    count = np.array([len(rows)], np.int64)
    pooled = rows.reshape(-1, shape[-1]) if shape and len(shape) > 1 else rows.reshape(len(rows), -1)
    low, high = pooled.min(axis=0).astype(np.float64), pooled.max(axis=0).astype(np.float64)
    mean, std = mean_and_std(pooled)
    stat: Stat = {"min": low, "max": high, "mean": mean, "std": std, "count": count}
    if len(pooled) == 1:
        return stat | {name: mean.copy() for name in QUANTILES}
    exact = pooled.astype(np.float64)
    columns = [_quantiles(exact[:, column]) for column in range(exact.shape[1])]
    return stat | {name: np.array([column[name] for column in columns]) for name in QUANTILES}


def mean_and_std(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and population standard deviation of each column of `rows`, (n, d), n >= 1.

    They are NaN for a column with a value that is not finite. Differences to the first row are computed first, exactly
    for integers, so that nanoseconds since 1970 keep their spread and a constant has none. Values are divided by the
    largest difference before they are squared, because the square of 1e300 is infinite.
    """
    rows = rows.astype(np.int8) if rows.dtype == bool else rows
    means, stds = [], []
    for column in rows.T:
        first, apart = column[0], _differences(column)
        largest = float(np.abs(apart).max())
        if not np.isfinite(apart).all():
            mean, std = np.nan, np.nan
            if np.isfinite(column).all():  # finite values whose differences are not: halve them first
                mean, std = (2 * float(half[0]) for half in mean_and_std(column[:, None] / 2))
        elif largest == 0:
            mean, std = float(first), 0.0
        else:
            part = apart / largest
            mean = float(first) + largest * float(part.mean())
            std = largest * float(np.sqrt(np.mean((part - part.mean()) ** 2)))
        means.append(mean)
        stds.append(std)
    return np.array(means, np.float64), np.array(stds, np.float64)


def _differences(column: NDArray[Any]) -> NDArray[np.float64]:
    """Return the difference of each value to the first, float64 (n,), exact for integers if float64 can hold it."""
    if column.dtype.kind in "iu" and int(column.max()) - int(column.min()) < 2**62:
        wide = column.astype(np.uint64 if column.dtype.kind == "u" else np.int64)
        low = wide.min()
        above = (wide - low).astype(np.int64)
        return np.asarray(above - above[0], np.float64)
    exact = column.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(exact - exact[0])


def sample_indices(frames: int) -> NDArray[np.int64]:
    """Return the frames of `frames` that enter a camera's statistics by LeRobot's rule, int64 (k,), ascending."""
    count = max(min(100, frames), min(int(frames**0.75), 10_000))
    return np.round(np.linspace(0, frames - 1, count)).astype(np.int64)


class ImageStats:
    """Statistics of a camera, from frames that are added one at a time. Memory does not grow with their number."""

    _levels = 256
    _white = 255.0

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] | None = None
        self._pictures = 0

    def add(self, picture: NDArray[Any]) -> None:
        """Add one frame, uint8 (H, W, C). Large frames are subsampled as in LeRobot."""
        height, width = picture.shape[:2]
        step = 1
        if max(height, width) >= _LARGE_SIDE:
            step = max(1, int((width if width > height else height) / _SMALL_SIDE))
        thin = picture[::step, ::step]
        counts = np.stack([np.bincount(thin[..., c].ravel(), minlength=self._levels) for c in range(thin.shape[2])])
        self._counts = counts if self._counts is None else self._counts + counts
        self._pictures += 1

    def result(self) -> Stat:
        """Return statistics, each (C, 1, 1) in [0, 1], and the `count` of frames. Raises ValueError without frames."""
        if self._counts is None:
            raise ValueError("no image was added; a camera's statistics need at least one")
        channels = [_level_stats(levels) for levels in self._counts]
        stat = {n: np.array([channel[n] for channel in channels]).reshape(-1, 1, 1) / self._white for n in channels[0]}
        return stat | {"count": np.array([self._pictures], np.int64)}


class DepthStats(ImageStats):
    """Statistics of depth maps, uint16 (H, W, 1), in the unit of the depth, as in LeRobot."""

    _levels = 65536
    _white = 1.0


def aggregate(stats: Sequence[Mapping[str, Any]]) -> Stat:
    """Return the statistics of the union of the data behind `stats`; quantiles become their envelope, as in LeRobot.

    Quantiles that one of them lacks are left out. Raises ValueError if `stats` is empty.
    """
    if not stats:
        raise ValueError("no statistics to aggregate")
    names = [name for name in NAMES if all(name in stat for stat in stats)]
    columns = {name: np.stack([np.asarray(stat[name], np.float64) for stat in stats]) for name in names}
    return aggregate_columns(columns)


def aggregate_columns(columns: Mapping[str, NDArray[Any]]) -> Stat:
    """Return the aggregate as `aggregate` does; each name maps to an array (episodes, ...)."""
    count = columns["count"].astype(np.float64)
    mean, std = columns["mean"].astype(np.float64), columns["std"].astype(np.float64)
    weight = (count / count.sum()).reshape(-1, *[1] * (mean.ndim - 1))
    # Clip the mean to the range of the parts; otherwise rounding would give a constant a spread.
    total_mean = np.clip((mean * weight).sum(axis=0), mean.min(axis=0), mean.max(axis=0))
    with np.errstate(over="ignore"):
        apart = np.hypot(std, mean - total_mean)
    largest = np.maximum(apart.max(axis=0), np.finfo(np.float64).tiny)  # the square of 1e300 is infinite
    total_std = largest * np.sqrt((((apart / largest) ** 2) * weight).sum(axis=0))
    stat: Stat = {
        "min": columns["min"].min(axis=0),
        "max": columns["max"].max(axis=0),
        "mean": total_mean,
        "std": total_std,
        "count": np.array([int(count.sum())], np.int64),
    }
    for name, share in QUANTILES.items():
        if name in columns:
            stat[name] = columns[name].min(axis=0) if share <= 0.5 else columns[name].max(axis=0)
    return stat


def to_json(stat: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested lists for `stats.json`, in LeRobot's order."""
    return {name: np.asarray(stat[name]).tolist() for name in NAMES if name in stat}


def from_json(stat: Mapping[str, Any]) -> Stat:
    """Return a JSON object as a Stat. Raises ValueError for values that are not numbers."""
    return {
        name: np.asarray(value, np.int64 if name == "count" else np.float64)
        for name, value in stat.items()
        if name in NAMES
    }


def _level_stats(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return the statistics of one channel, in levels, from the number of pixels of each level."""
    levels = np.flatnonzero(counts).astype(np.float64)
    weights = counts[counts > 0].astype(np.float64)
    total = weights.sum()
    mean = float((levels * weights).sum() / total)
    variance = float((weights * (levels - mean) ** 2).sum() / total)
    stat = {"min": levels[0], "max": levels[-1], "mean": mean, "std": variance**0.5}
    return stat | _quantiles(levels, weights)


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> dict[str, float]:
    """Return quantiles by LeRobot's rule.

    The rule is a histogram of BINS bins, with linear interpolation within the first bin where the count is reached. The
    histogram is not built, because each quantile needs only one bin.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    counts = np.ones(len(values)) if weights is None else weights[order]
    reached = np.concatenate([[0.0], np.cumsum(counts)])
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.linspace(ordered[0] - _MARGIN, ordered[-1] + _MARGIN, BINS + 1)
    if np.isnan(ordered).any():
        return dict.fromkeys(QUANTILES, float("nan"))
    if not np.isfinite(edges).all() or edges[0] == edges[-1]:
        return dict.fromkeys(QUANTILES, float(ordered[len(ordered) // 2]))
    quantiles = {}
    for name, share in QUANTILES.items():
        target = share * reached[-1]
        value = ordered[min(max(int(np.searchsorted(reached, target)) - 1, 0), len(ordered) - 1)]
        at = min(max(int(np.searchsorted(edges, value, side="right")) - 1, 0), BINS - 1)
        if at == 0:
            quantiles[name] = float(edges[0])
            continue
        before = reached[int(np.searchsorted(ordered, edges[at]))]
        after = reached[-1] if at == BINS - 1 else reached[int(np.searchsorted(ordered, edges[at + 1]))]
        part = (target - before) / (after - before) if after > before else 0.0
        quantiles[name] = float(edges[at] + part * (edges[at + 1] - edges[at]))
    return quantiles
