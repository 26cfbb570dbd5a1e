"""Minimum, maximum, mean and spread of rows, which add up over files, and what is stored of them."""

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
    """Each (d,), over those values that are finite; `finite` is how many these are, `odd` whether there are others.

    Nothing is squared that could overflow: 1e300 is a value like any other.
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
        there = np.isfinite(rows)
        count = there.sum(axis=0).astype(np.float64)
        low = np.where(there, rows, np.inf).min(axis=0)
        high = np.where(there, rows, -np.inf).max(axis=0)
        low, high = (np.where(count > 0, side, np.nan) for side in (low, high))
        size = high / 2 - low / 2  # halves: the whole may be more than a float64 holds
        part = np.where(there, rows / 2 - low / 2, 0) / np.where(size > 0, size, 1)
        share = part.sum(axis=0) / np.maximum(count, 1)
        spread = np.sqrt((np.where(there, part - share, 0) ** 2).sum(axis=0) / np.maximum(count, 1))
        mean = 2 * (low / 2 + size * share)
        return cls(low, high, mean, size * (2 * spread), count, np.any(~there, axis=0), len(rows))

    def plus(self, other: Sums) -> Sums:
        """Return the sums of both."""
        count = self.finite + other.finite
        whole = np.maximum(count, 1)
        mine, theirs = self.finite / whole, other.finite / whole
        # Where one side has no finite value its numbers are NaN, and weigh nothing.
        a, b = (_none_as(side.mean, 0.0) for side in (self, other))
        s, t = (_none_as(side.std, 0.0) for side in (self, other))
        between = np.sqrt(mine * theirs)
        mean = a * mine + b * theirs
        std = np.hypot(np.hypot(np.sqrt(mine) * s, np.sqrt(theirs) * t), between * b - between * a)
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
        """LeRobot's rule for features of rank 2 and more: all that share a place in the last dimension, together."""
        parts = [self._part(slice(at, at + width)) for at in range(0, len(self.low), width)]
        made = parts[0]
        for part in parts[1:]:
            made = made.plus(part)
        return Sums(made.low, made.high, made.mean, made.std, made.finite, made.odd, self.rows)

    def unlike(self, stored: Mapping[str, Any], shape: Sequence[int]) -> str | None:
        """Return the first stored value that differs from the computed one, as text; None if all match.

        `shape` is the feature's: of rank 2 and more LeRobot 0.4 and later store the pooled statistics, LeRobot 2.1
        those of each value. Where a row is not finite, a statistic that is not finite either is right, and so is
        one that leaves such rows out.
        """
        found = {}
        for name in BASE:
            if stored.get(name) is None:
                return f"{name} is missing"
            try:
                found[name] = np.asarray(stored[name], np.float64).reshape(-1)
            except (TypeError, ValueError):
                return f"{name} is not numeric"
        mine = self.pooled(shape[-1]) if is_pooled(len(found["min"]), len(self.low), shape) else self
        return mine._unlike(found)

    def _unlike(self, found: Mapping[str, Numbers]) -> str | None:
        mine = {"min": self.low, "max": self.high, "mean": self.mean, "std": self.std}
        with np.errstate(over="ignore"):
            scale = np.maximum(np.abs(self.low), np.abs(self.high)) + (self.high - self.low)
        for name, numbers in mine.items():
            theirs = found[name]
            if theirs.shape != numbers.shape:
                return f"{name} has {len(theirs)} numbers, a row has {len(numbers)}"
            near = 1e-7 + (1e-6 if name in {"min", "max"} else 1e-3) * scale
            right = _within(theirs, numbers, near) | (self.odd & ~np.isfinite(theirs))
            if not right.all():
                return f"{name} is {_short(theirs)}, the rows give {_short(numbers)}"
        if found["count"].tolist() != [self.rows]:
            return f"count is {_short(found['count'])}, the rows give {self.rows}"
        return None

    def _part(self, which: slice) -> Sums:
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


def _within(theirs: Numbers, mine: Numbers, near: Numbers) -> NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray((theirs == mine) | (np.abs(theirs - mine) <= near))


def _none_as(values: Numbers, instead: float) -> Numbers:
    return np.where(np.isnan(values), instead, values)


def _short(values: NDArray[Any]) -> str:
    numbers = np.asarray(values).reshape(-1)
    return ", ".join(f"{value:.6g}" for value in numbers[:4]) + (" …" if len(numbers) > 4 else "")
