"""Stretches of ticks, half-open: [first, end)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Run = tuple[int, int]
MOST_RUNS = 50
"""Kept of one kind: a take that is worse than that is bad enough."""


def runs_of(mask: NDArray[Any]) -> list[Run]:
    """The stretches in which `mask`, bool (n,), is true, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask.astype(bool), [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def same_runs(values: NDArray[Any]) -> list[Run]:
    """The stretches in which `values`, (n,), stays the same; together they cover all of it."""
    if not len(values):
        return []
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return list(zip(starts[:-1], starts[1:], strict=True))


def longest(runs: list[Run]) -> Run | None:
    """The first of the longest."""
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def longest_first(runs: list[Run]) -> list[Run]:
    """The longest MOST_RUNS of them, in the order of time."""
    kept = sorted(runs, key=lambda run: run[0] - run[1])[:MOST_RUNS]
    return sorted(kept)
