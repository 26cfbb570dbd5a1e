"""Quantiles against what they come from: an episode's against its rows, those of the whole against the episodes'."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import open_parquet, read_columns, to_numpy
from robotdata.dataset.verify.sums import is_pooled

SHARES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_BINS = 5000
_WITHIN = 2.5  # bins: the value's own, and its neighbours, for a float32 may fall into these
_TIE = 1e-6
Numbers = NDArray[np.float64]


def unlike_rows(stored: Mapping[str, Any], rows: NDArray[Any], shape: Sequence[int]) -> str | None:
    """Return the first stored quantile that these rows, (n, d), do not give, as text; None if all match.

    `shape` is the feature's; what is stored of rank 2 and more may be of all rows' last dimensions, pooled.

    LeRobot's quantile lies in the bin of the row that has this share of all rows up to it. numpy's usual rule, between
    that row and the next, passes too: programs that add quantiles to old datasets use it, and readers do not care.
    """
    lengths = {len(theirs) for name in SHARES if (theirs := _flat(stored.get(name))) is not None}
    if len(lengths) == 1 and is_pooled(lengths.pop(), rows.shape[1], shape):
        rows = rows.reshape(-1, shape[-1])
    ordered = np.sort(rows.astype(np.float64), axis=0)
    if not len(ordered) or not np.isfinite(ordered).all():
        return None  # LeRobot's quantiles of such rows are nan, or leave them out
    with np.errstate(over="ignore", invalid="ignore"):
        return _unlike(stored, ordered)


def _unlike(stored: Mapping[str, Any], ordered: Numbers) -> str | None:
    near = _WITHIN * (ordered[-1] - ordered[0]) / _BINS + 1e-6 * np.abs(ordered[[0, -1]]).max(axis=0) + 1e-7
    for name, share in SHARES.items():
        if stored.get(name) is None:
            continue
        theirs = _flat(stored[name])
        if theirs is None or theirs.shape != near.shape:
            return f"{name} is not one number for each of the {len(near)} values of a row"
        low, high = (ordered[_place(share * len(ordered) + by, len(ordered))] for by in (-_TIE, _TIE))
        right = [np.abs(theirs - value) <= near for value in (low, high, np.quantile(ordered, share, axis=0))]
        wrong = ~np.logical_or.reduce(right)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            return f"{name}[{at}] is {theirs[at]:.6g}, the rows give {low[at]:.6g}"
    return None


def unlike_parts(total: Mapping[str, Numbers], parts: Sequence[Mapping[str, Numbers]]) -> list[str]:
    """Return the quantiles of the whole that follow from its episodes' by none of LeRobot's rules.

    Up to 0.6.1 it is the mean weighted by rows, then the envelope; a dataset that one of them extended has the
    other's, of its first episodes, in it as if they were one.
    """
    count = np.array([part["count"][0] for part in parts], np.float64)[:, None]
    return [
        name
        for name, share in SHARES.items()
        if name in total and all(name in part for part in parts)
        if not _follows(total[name], np.stack([part[name] for part in parts]), count, low=share <= 0.5)
    ]


def _follows(total: Numbers, each: Numbers, count: Numbers, *, low: bool) -> bool:
    outer = np.minimum if low else np.maximum
    size = np.maximum(np.abs(each).max(axis=0), 1e-300)  # sums of 1e308 are infinite
    each, total = each / size, total / size
    summed, counted = np.cumsum(each * count, axis=0), np.cumsum(count, axis=0)
    mean_before = summed / np.maximum(counted, 1)
    envelope_before = outer.accumulate(each, axis=0)
    envelope_behind = outer.accumulate(each[::-1], axis=0)[::-1]
    went_on_by_mean = (envelope_before * counted + summed[-1] - summed) / np.maximum(counted[-1], 1)
    went_on_by_envelope = np.vstack([outer(mean_before[:-1], envelope_behind[1:]), mean_before[-1:]])
    near = 1e-5 + 1e-9 / size
    found = np.abs(np.vstack([went_on_by_mean, went_on_by_envelope, envelope_before[-1:]]) - total) <= near
    return bool(found.all(axis=1).any())


def all_rows(dataset: DatasetFolder, key: str) -> NDArray[Any] | None:
    """Return every row of a numeric feature, (n, d); None if they cannot be read, which is reported elsewhere."""
    found = []
    for path in dict.fromkeys(episode.data_file for episode in dataset.episodes):
        if path is None:
            return None
        try:
            with open_parquet(path) as file:
                table = read_columns(file, path, [key])
        except DamagedFile:
            return None
        values = to_numpy(table.column(key)) if key in table.column_names else np.empty(0, object)
        if values.dtype == object:
            return None
        found.append(values.reshape(len(values), -1))
    return np.concatenate(found) if len({rows.shape[1] for rows in found}) == 1 else None


def _place(target: float, count: int) -> int:
    """The row, of `count` in order, at which `target` of them are reached."""
    return min(max(math.ceil(target), 1), count) - 1


def _flat(value: Any) -> Numbers | None:
    try:
        return np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
