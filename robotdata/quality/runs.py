"""Find runs of ticks. A run is half-open: (first, end), with ticks first to end - 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Run = tuple[int, int]
MAX_RUNS = 50
"""Runs kept of one kind. More would change no mark and only enlarge the stored measures."""


def runs_of(mask: NDArray[Any]) -> list[Run]:
    """Return the runs in which `mask`, bool (ticks,), is true, by time."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask.astype(bool), [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def same_runs(values: NDArray[Any]) -> list[Run]:
    """Return the runs in which `values`, (ticks,), stay equal, by time. Together they cover all ticks."""
    if not len(values):
        return []
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return list(zip(starts[:-1], starts[1:], strict=True))


def longest(runs: list[Run]) -> Run | None:
    """Return the longest run (the first of several), or None if there is none."""
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def longest_by_time(runs: list[Run]) -> list[Run]:
    """Return the longest MAX_RUNS runs, by time."""
    kept = sorted(runs, key=lambda run: run[0] - run[1])[:MAX_RUNS]
    return sorted(kept)
