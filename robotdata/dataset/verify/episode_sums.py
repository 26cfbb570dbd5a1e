"""Statistics of the rows of many episodes at once: one by one, thousands of short episodes take longer than their rows.

What is computed here only says that an episode is right. Where it is not, or anything is unusual, the caller looks at
the episode alone, with `Sums`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.verify.sums import BASE, Sums

_VALUES = 1 << 20
"""Values that are computed at once, so that memory stays small."""

Numbers = NDArray[np.float64]


def check_together(
    rows: NDArray[Any], lengths: Sequence[int], stored: Mapping[str, Numbers]
) -> tuple[NDArray[np.bool_], Sums | None]:
    """Compare stored statistics of consecutive episodes with their rows.

    `rows`: (sum of `lengths`, d), of numbers; every length is at least 1. `stored`: for each name in BASE the values of
    all episodes, (k, d); of `count` (k, 1). Return for each episode whether it is right, bool (k,), and the statistics
    of the rows of all right ones together, None if there are none.
    """
    right: list[NDArray[np.bool_]] = []
    total: Sums | None = None
    for episodes, part in _blocks(rows, lengths):
        own = {name: values[episodes] for name, values in stored.items()}
        counts = np.asarray(lengths[episodes], np.int64)
        sums = _sums(part, counts)
        good = _matches(sums, own, counts)
        right.append(good)
        if good.any():
            together = _together(sums, good, int(counts[good].sum()))
            total = together if total is None else total.plus(together)
    return np.concatenate(right) if right else np.zeros(0, bool), total


def _blocks(rows: NDArray[Any], lengths: Sequence[int]) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield consecutive episodes with their rows, about `_VALUES` values at a time."""
    most = max(1, _VALUES // max(1, rows.shape[1]))
    first = at = 0
    while first < len(lengths):
        end, size = first, 0
        while end < len(lengths) and (end == first or size + lengths[end] <= most):
            size += lengths[end]
            end += 1
        yield slice(first, end), rows[at : at + size]
        first, at = end, at + size


def _sums(rows: NDArray[Any], counts: NDArray[np.int64]) -> Sums:
    """Return the sums of each episode, (k, d); of an episode with a value that is not finite, they are not used."""
    values = rows.astype(np.float64)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    odd = np.logical_or.reduceat(~np.isfinite(values), starts)
    with np.errstate(all="ignore"):
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        size = high / 2 - low / 2  # halves, because the whole range may exceed float64
        unit = np.where(size > 0, size, 1)
        part = (values / 2 - np.repeat(low / 2, counts, axis=0)) / np.repeat(unit, counts, axis=0)
        share = np.add.reduceat(part, starts) / counts[:, None]
        part -= np.repeat(share, counts, axis=0)
        spread = np.sqrt(np.add.reduceat(part * part, starts) / counts[:, None])
        mean, std = 2 * (low / 2 + size * share), size * (2 * spread)
    finite = np.broadcast_to(counts[:, None].astype(np.float64), low.shape)
    return Sums(low, high, mean, std, finite, odd, len(rows))


def _matches(sums: Sums, stored: Mapping[str, Numbers], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which episodes have finite values only and these statistics."""
    good = ~sums.odd.any(axis=1) & (stored["count"][:, 0] == counts)
    for name, near in zip(BASE[:4], sums.tolerances(), strict=True):
        good &= sums.within(name, stored[name], near).all(axis=1)
    return np.asarray(good, bool)


def _together(sums: Sums, which: NDArray[np.bool_], rows: int) -> Sums:
    """Return the statistics of the rows of these episodes together, (d,)."""
    parts = sums.part(which)
    while len(parts.low) > 1:
        half = len(parts.low) // 2
        pairs, rest = (
            parts.part(slice(0, half)).plus(parts.part(slice(half, 2 * half))),
            parts.part(slice(2 * half, None)),
        )
        parts = pairs if not len(rest.low) else pairs.beside(rest)
    only = parts.part(0)
    return Sums(only.low, only.high, only.mean, only.std, only.finite, only.odd, rows)
