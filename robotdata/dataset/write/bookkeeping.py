"""The statistics of index, episode_index and task_index, which follow from an episode's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset import stats
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.episode_refs import Part, Stored

_SAME = frozenset({"std", "count"})
"""What a shift of all values leaves as it is."""
_Columns = dict[str, NDArray[Any]]
"""By the name of a statistic, its value in each of these episodes, (episodes,)."""


def with_bookkeeping(table: pa.Table, parts: Sequence[Part], *, always: bool = False) -> pa.Table:
    """Return the table of these episodes with the statistics of index, episode_index and task_index set.

    Those of task_index are set where rows have changed. A statistic that is missing stays missing. With `always` both
    are set in every row.
    """
    every = list(range(len(parts)))
    firsts = np.array([part.first_row for part in parts], np.int64)
    table = _set(table, "index", every, _shifted(_counting(parts), firsts), always)
    table = _set(table, "episode_index", every, _constant([part.index for part in parts], parts), always)
    changed = [row for row, part in enumerate(parts) if part.tasks is not None and (always or _moved(part))]
    return _set(table, "task_index", changed, _of_tasks([parts[row] for row in changed]), always)


def _moved(part: Part) -> bool:
    return isinstance(part, Stored) and part.moved


def _set(table: pa.Table, feature: str, rows: Sequence[int], columns: Mapping[str, Any], always: bool) -> pa.Table:
    for name, values in columns.items():
        offsets: Any = pa.array(np.arange(len(values) + 1, dtype=np.int32))
        lists = pa.ListArray.from_arrays(offsets, pa.array(values))
        table = episode_table.with_rows(table, f"stats/{feature}/{name}", rows, lists, fill_missing=always)
    return table


def _counting(parts: Sequence[Part]) -> _Columns:
    """Return the statistics of 0 to length - 1, which are counted once for each length."""
    by_length = {length: stats.numeric_stats(np.arange(length)) for length in {part.length for part in parts}}
    return _columns([by_length[part.length] for part in parts])


def _constant(values: Sequence[int], parts: Sequence[Part]) -> _Columns:
    """Return the statistics of rows that all have the episode's value."""
    zero = stats.numeric_stats(np.zeros(1))
    columns = _shifted(_columns([zero] * len(parts)), np.array(values, np.int64))
    return columns | {"count": np.array([part.length for part in parts], np.int64)}


def _of_tasks(parts: Sequence[Part]) -> _Columns:
    """Return the statistics of task_index; `tasks` of each part is known."""
    numbers: list[NDArray[np.int64]] = [np.zeros(1, np.int64) if part.tasks is None else part.tasks for part in parts]
    columns = _constant([int(each[0]) for each in numbers], parts)
    for row, each in enumerate(numbers):
        if (each != each[0]).any():
            for name, value in stats.numeric_stats(each).items():
                columns[name][row] = value[0]
    return columns


def _columns(found: Sequence[stats.Stat]) -> _Columns:
    return {
        name: np.array([stat[name][0] for stat in found], np.int64 if name == "count" else np.float64)
        for name in stats.NAMES
    }


def _shifted(columns: _Columns, by: NDArray[np.int64]) -> _Columns:
    """Return the statistics of values that are greater by `by`."""
    return {name: values if name in _SAME else values + by for name, values in columns.items()}
