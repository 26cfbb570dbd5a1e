"""Measure one numeric feature: invalid values, motion, jumps and clipping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.metrics import SignalMetrics
from robotdata.quality.runs import Run, longest, runs_of

Floats = NDArray[np.float64]

DISCRETE = 4
"""A column with at most this many distinct values is a switch, not a joint."""
GLITCH_TICKS = 3
"""A glitch leaves its place and returns within this many ticks."""
_NOISE = 1.5
"""Limit of var(x[t+1] - x[t]) / var(x), which is 2 for white noise and near 0 for motion."""
_LIMIT_S = 0.3
"""Shorter stays at a limit are not clipping."""
_HUGE = 1e30
"""Values are limited to this, so that their squares are finite."""
_DIGITS = 7


def measure_signal(names: Sequence[str], values: NDArray[Any], fps: float) -> SignalMetrics:
    """Measure `values`, (ticks, n), one name per column. Ticks with NaN or infinity are counted, then left out."""
    clean, ticks, broken = finite_rows(values)
    size = len(names)
    first = np.argwhere(broken)
    measures: dict[str, Any] = {
        "names": list(names),
        "broken": int(broken.any(axis=1).sum()) if size else 0,
        "broken_at": int(first[0][0]) if len(first) else None,
        "broken_name": names[int(first[0][1])] if len(first) else "",
    }
    if len(clean) < 4 or not size:
        return SignalMetrics(**measures, **_blank(size))
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
        **measures,
        least=_rounded(clean.min(axis=0)),
        most=_rounded(clean.max(axis=0)),
        low=_rounded(low),
        high=_rounded(high),
        moves=[bool(x) for x in moves],
        discrete=[bool(x) for x in discrete],
        constant=[bool(x) for x in span == 0],
        mean_step=_rounded(steps.mean(axis=0)),
        largest_step=_rounded(steps.max(axis=0)),
        largest_step_at=[int(ticks[row + 1]) for row in steps.argmax(axis=0)],
        glitch=_rounded(glitch),
        glitch_at=[int(ticks[row]) for row in glitch_at],
        jerk=_rounded(np.abs(np.diff(clean, n=3, axis=0)).mean(axis=0)),
        limit_share=[round(share, 4) for share, _ in limits],
        limit_run=[(int(ticks[run[0]]), int(ticks[run[1] - 1]) + 1) if run else None for _, run in limits],
    )


def finite_rows(values: NDArray[Any]) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the finite rows, their ticks, and which values are not finite.

    These are float64 (k, n), int64 (k,) and bool (ticks, n).
    """
    numbers = values.astype(np.float64)
    broken = ~np.isfinite(numbers)
    ticks = np.flatnonzero(~broken.any(axis=1))
    return np.clip(numbers[ticks], -_HUGE, _HUGE), ticks, broken


def moving(clean: Floats) -> NDArray[np.bool_]:
    """Return bool (n,): which columns of `clean`, float64 (k, n), move. The test has no units: see `_NOISE`."""
    span = np.ptp(clean, axis=0)
    real = span > 1e-6 * np.abs(clean).max(axis=0)
    scaled = (clean - clean.min(axis=0)) / np.where(real, span, 1.0)
    spread = scaled.var(axis=0)
    roughness = np.diff(scaled, axis=0).var(axis=0) / np.where(real, np.maximum(spread, 1e-12), 1.0)
    result: NDArray[np.bool_] = real & (roughness < _NOISE)
    return result


def glitches(clean: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the largest glitch of each column, float64 (n,), and the row at which it begins, int64 (n,).

    A glitch is an excursion that returns within GLITCH_TICKS ticks.
    """
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
        size[np.abs(after - before) > 0.3 * size] = 0  # the value did not return: a step, not a glitch
        rows = size.argmax(axis=0)
        sizes = size[rows, np.arange(clean.shape[1])]
        at = np.where(sizes > best, rows + 1, at)
        best = np.maximum(best, sizes)
    return best, at


def _at_limits(column: Floats, steps: Floats, fps: float) -> tuple[float, Run | None]:
    """Return the share of ticks in which a column is clipped at its largest or smallest value.

    Return also the longest such run. A clipped joint reaches the value at speed and then stays exactly there; a joint
    that comes to rest slows down first. A column that does so at both ends is a gripper that opens and closes, and
    counts as not clipped.
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
    """Return the larger of the last two steps before `tick`; the last one may be cut short by the limit."""
    return float(steps[max(0, tick - 2) : tick].max(initial=0.0))


def _blank(size: int) -> dict[str, Any]:
    """Return the lists of `SignalMetrics` for a signal that is too short to measure."""
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


def _rounded(values: Floats) -> list[float]:
    """Return the values with 7 significant digits: exact enough to compare, and a small file."""
    return [float(f"{value:.{_DIGITS}g}") for value in values]
