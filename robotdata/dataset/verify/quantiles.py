"""Check quantiles: an episode's against its rows, those of the dataset against the episodes'."""

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
from robotdata.numbers import count as count_of

SHARES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_BINS = 5000
_WITHIN = 2.5  # bins: the value's own bin and its neighbours, into which a float32 may round
_TIE = 1e-6
Numbers = NDArray[np.float64]


def unlike_rows(stored: Mapping[str, Any], rows: NDArray[Any], shape: Sequence[int]) -> str | None:
    """Return the first stored quantile that differs from these rows, (n, d), as text; None if all match.

    `shape` is the feature's; stored quantiles of rank 2 or more may be pooled over the last dimension. LeRobot's
    quantile is in the bin of the row at which this share of rows is reached. numpy's default rule, between that row and
    the next, is accepted, too: programs that add quantiles to old datasets use it, and readers accept it.
    """
    lengths = {len(stored_values) for name in SHARES if (stored_values := _flat(stored.get(name))) is not None}
    if len(lengths) == 1 and is_pooled(lengths.pop(), rows.shape[1], shape):
        rows = rows.reshape(-1, shape[-1])
    ordered = np.sort(rows.astype(np.float64), axis=0)
    if not len(ordered) or not np.isfinite(ordered).all():
        return None  # LeRobot's quantiles of such rows are nan, or leave them out
    with np.errstate(over="ignore", invalid="ignore"):
        return _unlike(stored, ordered)


def _unlike(stored: Mapping[str, Any], ordered: Numbers) -> str | None:
    """Return the first quantile that differs from the sorted rows, as text."""
    near = _WITHIN * (ordered[-1] - ordered[0]) / _BINS + 1e-6 * np.abs(ordered[[0, -1]]).max(axis=0) + 1e-7
    for name, share in SHARES.items():
        if stored.get(name) is None:
            continue
        stored_values = _flat(stored[name])
        if stored_values is None or stored_values.shape != near.shape:
            return f"{name} is not one number for each of the {count_of(len(near), 'value')} of a row"
        low, high = (ordered[_place(share * len(ordered) + offset, len(ordered))] for offset in (-_TIE, _TIE))
        right = [np.abs(stored_values - value) <= near for value in (low, high, np.quantile(ordered, share, axis=0))]
        wrong = ~np.logical_or.reduce(right)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            return f"{name}[{at}] is {stored_values[at]:.6g}, the rows give {low[at]:.6g}"
    return None


def unlike_parts(total: Mapping[str, Numbers], parts: Sequence[Mapping[str, Numbers]]) -> list[str]:
    """Return the quantiles of the dataset that follow from its episodes' by none of LeRobot's rules.

    Up to 0.6.1 the rule is the mean weighted by rows, then the envelope. A dataset that another version extended
    combines both: the other rule for its first episodes, as if they were one.
    """
    count = np.array([part["count"][0] for part in parts], np.float64)[:, None]
    return [
        name
        for name, share in SHARES.items()
        if name in total and all(name in part for part in parts)
        if not _follows(total[name], np.stack([part[name] for part in parts]), count, low=share <= 0.5)
    ]


def _follows(total: Numbers, each: Numbers, count: Numbers, *, low: bool) -> bool:
    """Return whether `total` follows from `each` by one rule, or by both, one after the other."""
    outer = np.minimum if low else np.maximum
    size = np.maximum(np.abs(each).max(axis=0), 1e-300)  # sums of 1e308 are infinite
    each, total = each / size, total / size
    summed, counted = np.cumsum(each * count, axis=0), np.cumsum(count, axis=0)
    mean_before = summed / np.maximum(counted, 1)
    envelope_before = outer.accumulate(each, axis=0)
    envelope_behind = outer.accumulate(each[::-1], axis=0)[::-1]
    envelope_then_mean = (envelope_before * counted + summed[-1] - summed) / np.maximum(counted[-1], 1)
    mean_then_envelope = np.vstack([outer(mean_before[:-1], envelope_behind[1:]), mean_before[-1:]])
    near = 1e-5 + 1e-9 / size
    matches = np.abs(np.vstack([envelope_then_mean, mean_then_envelope, envelope_before[-1:]]) - total) <= near
    return bool(matches.all(axis=1).any())


def all_rows(dataset: DatasetFolder, key: str) -> NDArray[Any] | None:
    """Return every row of a numeric feature, (n, d); None if they cannot be read, which is reported elsewhere."""
    parts = []
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
        parts.append(values.reshape(len(values), -1))
    return np.concatenate(parts) if len({rows.shape[1] for rows in parts}) == 1 else None


def _place(target: float, count: int) -> int:
    """Return the row, of `count` sorted ones, at which `target` rows are reached."""
    return min(max(math.ceil(target), 1), count) - 1


def _flat(value: Any) -> Numbers | None:
    try:
        return np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
