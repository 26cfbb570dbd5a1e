"""One numeric feature: where it is broken, how it moves, where it jumps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.metrics import SignalMetrics
from robotdata.quality.runs import Run, longest, runs_of

Floats = NDArray[np.float64]

DISCRETE = 4
"""As many distinct values or fewer: a switch, not a joint."""
GLITCH_TICKS = 3
_NOISE = 1.5
"""Var(x[t+1] - x[t]) / var(x): 2 for white noise, near 0 for what moves."""
_LIMIT_S = 0.3
_HUGE = 1e30
_DIGITS = 7


def measure_signal(names: Sequence[str], values: NDArray[Any], fps: float) -> SignalMetrics:
    """Measure `values`, shape (ticks, n). Ticks with NaN are counted, then left out."""
    clean, ticks, broken = finite_rows(values)
    size = len(names)
    first = np.argwhere(broken)
    facts: dict[str, Any] = {
        "names": list(names),
        "broken": int(broken.any(axis=1).sum()) if size else 0,
        "broken_at": int(first[0][0]) if len(first) else None,
        "broken_name": names[int(first[0][1])] if len(first) else "",
    }
    if len(clean) < 4 or not size:
        return SignalMetrics(**facts, **_blank(size))
    span = np.ptp(clean, axis=0)
    moves = moving(clean)
    discrete = np.array([len(np.unique(column)) <= DISCRETE for column in clean.T])
    steps = np.abs(np.diff(clean, axis=0))
    glitch, glitch_at = glitches(clean)
    limits = [
        _at_limits(column, step, fps) if move and not switch else (0.0, None)
        for column, step, move, switch in zip(clean.T, steps.T, moves, discrete, strict=True)
    ]
    low, high = np.percentile(clean, [1, 99], axis=0)
    return SignalMetrics(
        **facts,
        least=_listed(clean.min(axis=0)),
        most=_listed(clean.max(axis=0)),
        low=_listed(low),
        high=_listed(high),
        moves=[bool(x) for x in moves],
        discrete=[bool(x) for x in discrete],
        constant=[bool(x) for x in span == 0],
        mean_step=_listed(steps.mean(axis=0)),
        largest_step=_listed(steps.max(axis=0)),
        largest_step_at=[int(ticks[at + 1]) for at in steps.argmax(axis=0)],
        glitch=_listed(glitch),
        glitch_at=[int(ticks[at]) for at in glitch_at],
        jerk=_listed(np.abs(np.diff(clean, n=3, axis=0)).mean(axis=0)),
        limit_share=[round(share, 4) for share, _ in limits],
        limit_run=[(int(ticks[run[0]]), int(ticks[run[1] - 1]) + 1) if run else None for _, run in limits],
    )


def finite_rows(values: NDArray[Any]) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """The rows without NaN or infinity as float64, their ticks, and which values (ticks, n) are neither."""
    numbers = values.astype(np.float64)
    broken = ~np.isfinite(numbers)
    ticks = np.flatnonzero(~broken.any(axis=1))
    return np.clip(numbers[ticks], -_HUGE, _HUGE), ticks, broken


def moving(clean: Floats) -> NDArray[np.bool_]:
    """Which columns move, rather than stand still with some noise on them: a measure without units."""
    span = np.ptp(clean, axis=0)
    real = span > 1e-6 * np.abs(clean).max(axis=0)
    scaled = (clean - clean.min(axis=0)) / np.where(real, span, 1.0)
    spread = scaled.var(axis=0)
    roughness = np.diff(scaled, axis=0).var(axis=0) / np.where(real, np.maximum(spread, 1e-12), 1.0)
    result: NDArray[np.bool_] = real & (roughness < _NOISE)
    return result


def glitches(clean: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """For each column its largest excursion that is back within GLITCH_TICKS ticks, and the row of its beginning."""
    best: Floats = np.zeros(clean.shape[1])
    at: NDArray[np.int64] = np.zeros(clean.shape[1], np.int64)
    for width in range(1, GLITCH_TICKS + 1):
        if len(clean) < width + 2:
            break
        before, after = clean[: -width - 1], clean[width + 1 :]
        offsets = [clean[1 + place : len(clean) - width + place] - (before + after) / 2 for place in range(width)]
        over = np.minimum.reduce(offsets).clip(min=0)
        under = -np.maximum.reduce(offsets).clip(max=0)
        size = np.maximum(over, under)
        size[np.abs(after - before) > 0.3 * size] = 0  # it stayed there: a step, not a glitch
        rows = size.argmax(axis=0)
        found = size[rows, np.arange(clean.shape[1])]
        at = np.where(found > best, rows + 1, at)
        best = np.maximum(best, found)
    return best, at


def _at_limits(column: Floats, steps: Floats, fps: float) -> tuple[float, Run | None]:
    """The share of ticks in which a column is cut off at its own largest or smallest value, and the longest stretch.

    Cut off: it runs into the value at speed and stays exactly there. A joint that comes to rest slows down first,
    and one that is cut off at both ends is a gripper that opens and closes.
    """
    nonzero = steps[steps > 0]
    fast = 0.25 * float(np.percentile(nonzero, 90)) if len(nonzero) else 0.0
    tolerance = 1e-6 * float(np.ptp(column))
    shares: list[tuple[float, Run | None]] = []
    for limit, sign in ((column.max(), 1.0), (column.min(), -1.0)):
        runs = runs_of((limit - column) * sign <= tolerance)
        kept = [run for run in runs if run[1] - run[0] >= _LIMIT_S * fps and _speed_into(steps, run[0]) >= fast > 0]
        shares.append((sum(end - first for first, end in kept) / len(column), longest(kept)))
    if min(share for share, _ in shares) >= 0.03:
        return 0.0, None
    return max(shares, key=lambda each: each[0])


def _speed_into(steps: Floats, tick: int) -> float:
    """The larger of the last two steps: the very last one may be cut short."""
    return float(steps[max(0, tick - 2) : tick].max(initial=0.0))


def _blank(size: int) -> dict[str, Any]:
    zeros, flags, places = [0.0] * size, [False] * size, [0] * size
    numbers = ("least", "most", "low", "high", "mean_step", "largest_step", "glitch", "jerk", "limit_share")
    return {
        **{name: list(zeros) for name in numbers},
        "moves": flags,
        "discrete": list(flags),
        "constant": list(flags),
        "largest_step_at": places,
        "glitch_at": list(places),
        "limit_run": [None] * size,
    }


def _listed(values: Floats) -> list[float]:
    """For a file: short, and still exact enough to compare."""
    return [float(f"{value:.{_DIGITS}g}") for value in values]
