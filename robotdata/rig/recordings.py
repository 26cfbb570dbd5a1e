"""Read the recorded actions that are to be played back, from a take or from a dataset, with bounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION
from robotdata.capture.playback import CannotPlay, Recording
from robotdata.capture.values import flat_names
from robotdata.dataset.reader import DatasetFolder
from robotdata.numbers import count
from robotdata.spool import Take

MAX_VALUES = 500_000
"""The values that one replay may have: 46 minutes of six joints at 30 rows a second."""


def recording_of_take(folder: Path, first: int = 0, last: int | None = None) -> Recording:
    """Return the actions that were sent in the rows `first` to `last` (inclusive) of a take; its range is their range.

    Raises CannotPlay, and the errors of `Take.rows`.
    """
    with Take.open(folder) as take:
        feature = take.manifest["features"].get(ACTION, {})
        check_size(take.ticks, feature)
        return _recording(
            take.signal(ACTION) if feature else None, feature, float(take.manifest["fps"]), {}, first, last
        )


def recording_of_episode(dataset: DatasetFolder, index: int, first: int = 0, last: int | None = None) -> Recording:
    """Return the `action` in the rows `first` to `last` (inclusive) of an episode; its range is the dataset's.

    Raises CannotPlay, and the errors of `DatasetFolder.rows`.
    """
    feature = dataset.features.get(ACTION, {})
    check_size(dataset.episode(index).length, feature)
    values = dataset.rows(index, [ACTION]).get(ACTION) if feature else None
    return _recording(values, feature, float(dataset.fps), dataset.stats().get(ACTION), first, last)


def check_size(rows: int, feature: Mapping[str, Any]) -> None:
    """Raise CannotPlay if so many rows of a feature are more than a replay may have."""
    names = flat_names(feature.get("names"))
    if rows * max(1, len(names)) > MAX_VALUES:
        most = MAX_VALUES // max(1, len(names))
        raise CannotPlay(f"the recording has {count(rows, 'row')}, more than the {most} that can be played at once")


def _recording(
    stored: NDArray[Any] | None, feature: Mapping[str, Any], fps: float, stats: Any, first: int, last: int | None
) -> Recording:
    if stored is None:
        raise CannotPlay("it has no action")
    try:
        values = np.asarray(stored.reshape(len(stored), -1), np.float64)
    except (TypeError, ValueError) as error:
        raise CannotPlay(f"its action cannot be read as numbers: {error}") from error
    names = tuple(flat_names(feature.get("names")))
    if len(names) != values.shape[1]:
        raise CannotPlay(f"its action has {count(len(names), 'name')} for {count(values.shape[1], 'value')}")
    end = len(values) if last is None else last + 1
    if not 0 <= first < end <= len(values):
        raise CannotPlay(f"the recording has the rows 0 to {len(values) - 1}, not {first} to {end - 1}")
    low, high = _limit(stats, "min", values, np.fmin), _limit(stats, "max", values, np.fmax)
    return Recording(names, values[first:end].astype(np.float32), fps, low, high)


def _limit(stats: Any, name: str, values: NDArray[np.float64], of: Any) -> NDArray[np.float64]:
    """Return the limit of each joint by a dataset's statistics, or by the values where there are none to use."""
    try:
        limit = np.asarray(stats[name], np.float64).reshape(-1)
    except (KeyError, TypeError, ValueError):
        limit = np.zeros(0)
    if limit.shape == (values.shape[1],) and np.isfinite(limit).all():
        return limit
    return np.asarray(of.reduce(values, axis=0), np.float64)
