"""The columns of language in rows that are cut: times move with the frames, and what lasts reaches into the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.language import (
    EVENTS,
    PERSISTENT,
    first_frame,
    flat,
    in_rows,
    is_language,
    is_own_subtask,
    is_repeated,
    off_frame,
    repeated,
)

_NEAR = 0.25
"""Share of a frame by which a time may miss its frame."""


def moved_lasting(column: Any, kept: tuple[int, int], length: int, fps: float) -> Any:
    """Return a column `language_persistent` for the frames [first, end) of an episode of `length` frames.

    What began before them, and is not followed by another of its style, role and camera until then, begins with them;
    what begins behind them is left out. Lists of another kind stay as they are.
    """
    first, end = kept
    if not is_language(column.type, {"role", "style", "timestamp"}):
        return column
    values, parents = flat(column)
    times = np.asarray(values.field("timestamp").to_numpy(zero_copy_only=False), np.float64)
    frames = times * fps
    begun = ~(frames > first + _NEAR)  # an entry whose time is NaN stays
    keys = _keys(values, parents)
    newest = np.full(int(keys.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(newest, keys[begun], np.nan_to_num(frames[begun], nan=-np.inf))
    stays = np.where(begun, ~(frames < newest[keys]), (frames < end - _NEAR) | (end >= length))
    moved = np.maximum(frames - first, 0)
    near = np.abs(moved - np.round(moved)) < np.fmax(off_frame(times, fps), _NEAR / 10)
    seconds = np.where(near, np.round(moved), moved) / fps
    position = values.type.get_field_index("timestamp")
    arrays = [values.field(n) for n in range(values.type.num_fields)]
    arrays[position] = pa.array(seconds).cast(values.type.field(position).type, safe=False)
    fields = [values.type.field(n) for n in range(values.type.num_fields)]
    changed = pa.StructArray.from_arrays(arrays, fields=fields, mask=values.is_null())
    return in_rows(changed.filter(pa.array(stays, pa.bool_())), parents[stays], len(column), column.type)


def _keys(values: Any, parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each entry, equal for those of one row, style, role and camera."""
    keys = parents
    for name in ("style", "role", "camera"):
        if values.type.get_field_index(name) < 0:
            continue
        codes = values.field(name).dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1
        keys = np.unique(keys * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)[1].reshape(-1)
    return np.asarray(keys, np.int64)


def thinned_events(column: Any, taken: NDArray[np.int64]) -> Any:
    """Return a column `language_events` for the rows `taken`; what is said in a row that goes moves to the one before.

    Before the first row that stays it moves there.
    """
    if not len(taken) or not pa.types.is_list(column.type):
        return column.take(pa.array(taken))
    values, parents = flat(column)
    target = np.maximum(np.searchsorted(taken, parents, side="right") - 1, 0)
    return in_rows(values, target, len(taken), column.type)


def cut_language(table: pa.Table, kept: tuple[int, int], length: int, fps: float) -> pa.Table:
    """Return rows of an episode that is cut to the frames `kept`, with the times of `language_persistent` moved."""
    if PERSISTENT not in table.column_names or kept == (0, length):
        return table
    position = table.column_names.index(PERSISTENT)
    column = moved_lasting(table.column(position).combine_chunks(), kept, length, fps)
    return table.set_column(position, table.schema.field(position), column)


def joined_language(table: pa.Table, gap: tuple[int, int], length: int, fps: float) -> pa.Table:
    """Return rows of an episode without the frames in the gap, with the times of `language_persistent` moved.

    What lasts over the gap begins again behind it, so that each of the two parts says all of itself.
    """
    if PERSISTENT not in table.column_names:
        return table
    position = table.column_names.index(PERSISTENT)
    column: Any = table.column(position).combine_chunks()
    if not is_language(column.type, {"role", "style", "timestamp"}):
        return table
    before, rows = flat(moved_lasting(column, (0, gap[0]), length, fps))
    behind, others = flat(moved_lasting(column, (gap[1], length), length, fps))
    place = behind.type.get_field_index("timestamp")
    arrays = [behind.field(n) for n in range(behind.type.num_fields)]
    kind = behind.type.field(place).type
    later = np.asarray(arrays[place].to_numpy(zero_copy_only=False), np.float64) + gap[0] / fps
    arrays[place] = pa.array(later).cast(kind, safe=False)
    fields = [behind.type.field(n) for n in range(behind.type.num_fields)]
    behind = pa.StructArray.from_arrays(arrays, fields=fields, mask=behind.is_null())
    parents = np.concatenate([rows, others])
    order = np.argsort(parents, kind="stable")
    values = pa.concat_arrays([before, behind]).take(pa.array(order))
    return table.set_column(
        position, table.schema.field(position), in_rows(values, parents[order], len(column), column.type)
    )


def without_gap(table: pa.Table, runs: Sequence[range], before: int) -> tuple[int, pa.Table]:
    """Return the rows of `table` that are in `runs`, and how many rows of these come before; it begins at `before`."""
    begin = sum(len(range(run.start, min(run.stop, before))) for run in runs)
    own = [
        table.slice(first, end - first)
        for run in runs
        for first, end in [(max(0, run.start - before), min(table.num_rows, run.stop - before))]
        if end > first
    ]
    return begin, pa.concat_tables(own) if own else table.slice(0, 0)


def thinned(table: pa.Table, taken: NDArray[np.int64]) -> pa.Table:
    """Return the rows `taken` of a table, with the events of those that go."""
    rows = table.take(pa.array(taken, pa.int64()))
    if EVENTS not in table.column_names:
        return rows
    position = table.column_names.index(EVENTS)
    column = thinned_events(table.column(position).combine_chunks(), taken)
    return rows.set_column(position, table.schema.field(position), column)


def settled(table: pa.Table, length: int, fps: float) -> pa.Table:
    """Return rows of an episode that has `length` frames at `fps` since frames were dropped, with fitting subtasks.

    Of subtasks and their ends that begin at one frame now only the newest stays; one behind the last frame goes. Those
    of other programs stay as they are.
    """
    if PERSISTENT not in table.column_names or not table.num_rows:
        return table
    position = table.column_names.index(PERSISTENT)
    column: Any = table.column(position).combine_chunks()
    if not is_language(column.type, {"role", "content", "style", "timestamp"}) or not is_repeated(column):
        return table
    rows = column[0].as_py() or []
    times = {n: row["timestamp"] for n, row in enumerate(rows) if row and row["timestamp"] is not None}
    own = sorted((n for n in times if is_own_subtask(rows[n])), key=lambda n: times[n])
    newest = {first_frame(times[n], fps): times[n] for n in own}
    gone = {
        n
        for n in own
        if times[n] < newest[first_frame(times[n], fps)]
        or (first_frame(times[n], fps) >= length and times[n] < length / fps)
    }
    if not gone:
        return table
    stays = pa.array([n for n in range(len(rows)) if n not in gone], pa.int64())
    values = column.slice(0, 1).flatten().take(stays)
    one = in_rows(values, np.zeros(len(values), np.int64), 1, column.type)
    return table.set_column(position, table.schema.field(position), repeated(one, table.num_rows))
