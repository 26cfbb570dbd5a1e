"""Minimum, maximum, mean and std of rows, which can be combined over files and compared with stored statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BASE = ("min", "max", "mean", "std", "count")
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sums:
    """Statistics of rows, each (d,), over finite values.

    `finite`: the number of finite values. `odd`: whether there are others. Computations avoid overflow, because 1e300
    is a valid value.
    """

    low: Numbers
    high: Numbers
    mean: Numbers
    std: Numbers
    finite: Numbers
    odd: NDArray[np.bool_]
    rows: int

    @classmethod
    def of(cls, values: NDArray[Any]) -> Sums:
        """Return the sums of `values`, (n, ...), n >= 1."""
        rows = values.reshape(len(values), -1).astype(np.float64)
        is_finite = np.isfinite(rows)
        count = is_finite.sum(axis=0).astype(np.float64)
        low = np.where(is_finite, rows, np.inf).min(axis=0)
        high = np.where(is_finite, rows, -np.inf).max(axis=0)
        low, high = (np.where(count > 0, side, np.nan) for side in (low, high))
        size = high / 2 - low / 2  # halves, because the whole range may exceed float64
        part = np.where(is_finite, rows / 2 - low / 2, 0) / np.where(size > 0, size, 1)
        share = part.sum(axis=0) / np.maximum(count, 1)
        spread = np.sqrt((np.where(is_finite, part - share, 0) ** 2).sum(axis=0) / np.maximum(count, 1))
        mean = 2 * (low / 2 + size * share)
        return cls(low, high, mean, size * (2 * spread), count, np.any(~is_finite, axis=0), len(rows))

    def plus(self, other: Sums) -> Sums:
        """Return the statistics of both together."""
        count = self.finite + other.finite
        total = np.maximum(count, 1)
        own_weight, other_weight = self.finite / total, other.finite / total
        # The statistics of a side without finite values are NaN; their weight is 0.
        a, b = (_replace_nan(side.mean, 0.0) for side in (self, other))
        s, t = (_replace_nan(side.std, 0.0) for side in (self, other))
        between = np.sqrt(own_weight * other_weight)
        mean = a * own_weight + b * other_weight
        std = np.hypot(np.hypot(np.sqrt(own_weight) * s, np.sqrt(other_weight) * t), between * b - between * a)
        empty = count == 0
        return Sums(
            np.fmin(self.low, other.low),
            np.fmax(self.high, other.high),
            np.where(empty, np.nan, mean),
            np.where(empty, np.nan, std),
            count,
            self.odd | other.odd,
            self.rows + other.rows,
        )

    def pooled(self, width: int) -> Sums:
        """Return the statistics by LeRobot's rule for rank 2 or more: values with the same last index are pooled."""
        parts = [self.part(slice(begin, begin + width)) for begin in range(0, len(self.low), width)]
        result = parts[0]
        for part in parts[1:]:
            result = result.plus(part)
        return Sums(result.low, result.high, result.mean, result.std, result.finite, result.odd, self.rows)

    def unlike(self, stored: Mapping[str, Any], shape: Sequence[int]) -> str | None:
        """Return the first stored value that differs from the computed one, as text; None if all match.

        `shape` is the feature's. For rank 2 or more, LeRobot 0.4 and later store pooled statistics, LeRobot 2.1 those
        of each value. If a row is not finite, a stored statistic may be not finite, or leave such rows out.
        """
        stored_arrays = {}
        for name in BASE:
            if stored.get(name) is None:
                return f"{name} is missing"
            try:
                stored_arrays[name] = np.asarray(stored[name], np.float64).reshape(-1)
            except (TypeError, ValueError):
                return f"{name} is not numeric"
        computed = self.pooled(shape[-1]) if is_pooled(len(stored_arrays["min"]), len(self.low), shape) else self
        return computed._unlike(stored_arrays)

    def _unlike(self, stored: Mapping[str, Numbers]) -> str | None:
        for (name, numbers), near in zip(self._computed().items(), self.tolerances(), strict=True):
            values = stored[name]
            if values.shape != numbers.shape:
                return f"{name} has {len(values)} numbers, a row has {len(numbers)}"
            right = self.within(name, values, near) | (self.odd & ~np.isfinite(values))
            if not right.all():
                return f"{name} is {_short(values)}, the rows give {_short(numbers)}"
        if stored["count"].tolist() != [self.rows]:
            return f"count is {_short(stored['count'])}, the rows give {self.rows}"
        return None

    def tolerances(self) -> list[Numbers]:
        """Return how far stored min, max, mean and std may be from the computed ones."""
        with np.errstate(over="ignore"):
            scale = np.maximum(np.abs(self.low), np.abs(self.high)) + (self.high - self.low)
        return [1e-7 + share * scale for share in (1e-6, 1e-6, 1e-3, 1e-3)]

    def within(self, name: str, stored: Numbers, near: Numbers) -> NDArray[np.bool_]:
        """Return which stored values of this statistic are within `near` of the computed ones."""
        return _within(stored, self._computed()[name], near)

    def beside(self, other: Sums) -> Sums:
        """Return the statistics of the parts of both, one after the other; these are (k, d)."""
        return Sums(
            np.concatenate([self.low, other.low]),
            np.concatenate([self.high, other.high]),
            np.concatenate([self.mean, other.mean]),
            np.concatenate([self.std, other.std]),
            np.concatenate([self.finite, other.finite]),
            np.concatenate([self.odd, other.odd]),
            self.rows + other.rows,
        )

    def _computed(self) -> dict[str, Numbers]:
        return {"min": self.low, "max": self.high, "mean": self.mean, "std": self.std}

    def part(self, which: slice | int | NDArray[np.bool_]) -> Sums:
        """Return the statistics of these values, or, of (k, d), of these parts."""
        return Sums(
            self.low[which],
            self.high[which],
            self.mean[which],
            self.std[which],
            self.finite[which],
            self.odd[which],
            self.rows,
        )


def is_pooled(stored: int, values: int, shape: Sequence[int]) -> bool:
    """Return whether `stored` numbers can only be the pooled statistics of rows of `values` values of this shape."""
    return len(shape) > 1 and stored == shape[-1] != values and values % shape[-1] == 0


def _within(stored: Numbers, computed: Numbers, near: Numbers) -> NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray((stored == computed) | (np.abs(stored - computed) <= near))


def _replace_nan(values: Numbers, instead: float) -> Numbers:
    return np.where(np.isnan(values), instead, values)


def _short(values: NDArray[Any]) -> str:
    numbers = np.asarray(values).reshape(-1)
    return ", ".join(f"{value:.6g}" for value in numbers[:4]) + (" …" if len(numbers) > 4 else "")
