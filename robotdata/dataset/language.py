"""LeRobot's two columns of language, read and written: subtasks and remarks that people edit, and all else as it is.

`language_persistent` repeats in every row of an episode what lasts from its timestamp on, until the next of its style;
an empty subtask ends the one before. `language_events` holds what is said in just that row. Rows are structs with
`role`, `content`, `style`, `camera`, `tool_calls` and, if persistent, `timestamp` in seconds, float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from robotdata.capture.texts import tidy_task
from robotdata.dataset.errors import EditError
from robotdata.spool.language import Language, LanguageError, check_repeated

PERSISTENT, EVENTS = "language_persistent", "language_events"
LANGUAGE_COLUMNS = (PERSISTENT, EVENTS)
"""LeRobot finds these columns by their names and gives them a type of its own."""
SUBTASK, REMARK = "subtask", "interjection"
MOST_OTHERS = 500
"""Most foreign entries that are shown of an episode."""
_ON_FRAME, _MOST_OFF = 0.01, 0.25
"""Share of a frame by which a time may miss it: times are float32, which is coarse late in a long episode."""
_LATEST_S = 1e9
"""Times behind this one count as it, in seconds; no episode is that long."""
_NEEDED = {PERSISTENT: {"role", "content", "style", "timestamp"}, EVENTS: {"role", "content", "style"}}


@dataclass(frozen=True, slots=True)
class Other:
    """What another program says from a frame on, shown and never changed."""

    frame: int
    style: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """The language of an episode. `odd`: why its subtasks cannot be edited; they are then among `others`."""

    language: Language = field(default_factory=Language)
    others: list[Other] = field(default_factory=list)
    more: int = 0  # others beyond MOST_OTHERS
    odd: str = ""


def language_features() -> dict[str, dict[str, Any]]:
    """Return the entries of both columns in `info.json`, as LeRobot writes them."""
    return {name: {"dtype": "language", "shape": [1], "names": None} for name in LANGUAGE_COLUMNS}


def column_type(key: str) -> tuple[pa.DataType, dict[str, Any]]:
    """Return the Arrow type of a new column of language, and what Hugging Face's `datasets` calls it."""
    text = {"dtype": "string", "_type": "Value"}
    names = ["role", "content", "style", *(["timestamp"] if key == PERSISTENT else []), "camera"]
    fields: list[Any] = [pa.field(name, pa.float32() if name == "timestamp" else pa.string()) for name in names]
    described: dict[str, Any] = {n: {"dtype": "float32", "_type": "Value"} if n == "timestamp" else text for n in names}
    fields.append(pa.field("tool_calls", pa.list_(pa.string())))
    described["tool_calls"] = {"feature": text, "_type": "List"}
    return pa.list_(pa.struct(fields)), {"feature": described, "_type": "List"}


def read_language(table: pa.Table, fps: float) -> Spoken:
    """Return the language in the rows of one episode."""
    odd, others, subtasks = "", [], []
    for row in _lasting(table):
        frame = first_frame(row.get("timestamp"), fps)
        if row.get("style") == SUBTASK:
            subtasks.append((frame, row))
        else:
            others.append(Other(frame, *_words(row)))
    said = {frame for frame, row in subtasks if row.get("content")}
    subtasks = [(frame, row) for frame, row in subtasks if row.get("content") or frame not in said]
    problem = _problem(table, PERSISTENT) or _problem_of(subtasks, table.num_rows)
    spans: list[dict[str, Any]] = []
    if not problem:
        subtasks.sort(key=lambda each: each[0])
        ends = [*(frame for frame, _ in subtasks), table.num_rows][1:]
        spans = [
            {"first": frame, "end": end, "text": row["content"]}
            for (frame, row), end in zip(subtasks, ends, strict=True)
            if row["content"]
        ]
    remarks, events = _events(table)
    others += events
    language = Language()
    try:
        language = Language.parse({"subtasks": spans, "remarks": remarks}, table.num_rows)
    except LanguageError as error:
        problem = problem or str(error)
        others += [Other(r["frame"], REMARK, r["role"], r["text"]) for r in remarks]
    if problem:
        odd = f"The subtasks come from another program in a form that is not edited here: {problem}."
        others += [Other(frame, *_words(row)) for frame, row in subtasks]
    others.sort(key=lambda each: each.frame)
    return Spoken(language, others[:MOST_OTHERS], max(0, len(others) - MOST_OTHERS), odd)


def with_language(table: pa.Table, language: Language | None, fps: float) -> dict[str, Any]:
    """Return both columns for the rows of a whole episode, with these subtasks and remarks; None changes nothing.

    A column that is missing begins empty. What others have written stays. Raises EditError if it cannot be edited.
    """
    columns = {
        name: table.column(name).combine_chunks() if name in table.column_names else empty_column(name, table.num_rows)
        for name in LANGUAGE_COLUMNS
    }
    if language is None:
        return columns
    whole = pa.table(columns)
    if odd := read_language(whole, fps).odd or _problem(whole, EVENTS):
        raise EditError(odd)
    return {
        PERSISTENT: _with_subtasks(columns[PERSISTENT], language, fps),
        EVENTS: _with_remarks(columns[EVENTS], language),
    }


def empty_column(key: str, rows: int, kind: pa.DataType | None = None) -> Any:
    """Return a column of language without any language."""
    return pa.array([[]] * rows, kind or column_type(key)[0])


def first_frame(timestamp: Any, fps: float) -> int:
    """Return the first frame that is not before a time in seconds; 0 for anything that is not a time."""
    if not isinstance(timestamp, int | float) or not math.isfinite(timestamp):
        return 0
    seconds = min(max(0, timestamp), _LATEST_S)
    return max(0, math.ceil(seconds * fps - float(off_frame(seconds, fps))))


def off_frame(seconds: Any, fps: float) -> Any:
    """Return the share of a frame by which times may miss their frames, as float64 of the same shape; NaN for NaN."""
    coarse = np.spacing(np.clip(np.abs(seconds), 0, _LATEST_S).astype(np.float32)).astype(np.float64)
    return np.clip(fps * coarse, _ON_FRAME, _MOST_OFF)


def flat(column: Any) -> tuple[Any, NDArray[np.int64]]:
    """Return the entries of a column of lists, and the row of each, int64."""
    array: Any = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.flatten(), np.asarray(pc.list_parent_indices(array).to_numpy(zero_copy_only=False), np.int64)


def in_rows(values: Any, parents: NDArray[np.int64], rows: int, kind: pa.DataType) -> Any:
    """Return a column of lists from entries in the order of their rows, the opposite of `flat`."""
    ends = np.cumsum(np.bincount(parents, minlength=rows))
    offsets: Any = pa.array(np.concatenate([[0], ends]), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, type=kind)


def is_language(kind: pa.DataType, needed: set[str]) -> bool:
    """Return whether a column is a list of structs with these fields: a time is a float, all else text."""
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return False
    found = {kind.value_type.field(n).name: kind.value_type.field(n).type for n in range(kind.value_type.num_fields)}
    return needed <= found.keys() and all(
        pa.types.is_floating(found[name])
        if name == "timestamp"
        else pa.types.is_string(found[name]) or pa.types.is_large_string(found[name])
        for name in needed
    )


def is_repeated(column: Any) -> bool:
    """Return whether all rows are the same."""
    return bool(column.slice(1).equals(column.slice(0, max(0, len(column) - 1))))


def repeated(one: Any, rows: int) -> Any:
    """Return a column of so many rows, all like the only row of `one`."""
    return one.take(pa.array(np.zeros(rows, np.int64)))


def is_own_subtask(row: Mapping[str, Any]) -> bool:
    """Return whether an entry of `language_persistent` is a subtask, or its end, as people set them here."""
    return row.get("style") == SUBTASK and _is_own(row, ("assistant",), empty=True)


def _lasting(table: pa.Table) -> list[dict[str, Any]]:
    """Return the entries of the first row; those of other rows are the same, unless `_problem` says otherwise."""
    if PERSISTENT not in table.column_names or not table.num_rows:
        return []
    rows = table.column(PERSISTENT)[0].as_py() or []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _problem(table: pa.Table, key: str) -> str:
    if key not in table.column_names:
        return ""
    column = table.column(key).combine_chunks()
    if not is_language(column.type, _NEEDED[key]):
        return f"{key} lacks fields, or they have other types"
    if key == PERSISTENT and not is_repeated(column):
        return f"{key} differs from row to row"
    return ""


def _problem_of(subtasks: list[tuple[int, dict[str, Any]]], length: int) -> str:
    frames = [frame for frame, _ in subtasks]
    if len(set(frames)) < len(frames):
        return "two begin at the same frame"
    if any(frame >= length for frame in frames):
        return "one begins behind the last frame"
    if any(not is_own_subtask(row) for _, row in subtasks):
        return "one has another role, a camera, tool calls or text of several lines"
    return ""


def _is_own(row: Mapping[str, Any], roles: tuple[str, ...], *, empty: bool = False) -> bool:
    """Return whether an entry is one that people could have written here."""
    text = row.get("content")
    plain = not row.get("camera") and not row.get("tool_calls") and row.get("role") in roles
    return plain and isinstance(text, str) and tidy_task(text) == text and (bool(text) or empty)


def _words(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return style, role and text of an entry, for people."""
    text = row.get("content")
    if text is None and row.get("tool_calls"):
        text = str(row["tool_calls"])
    return str(row.get("style") or "says"), str(row.get("role") or ""), str(text or "")[:2000]


def _events(table: pa.Table) -> tuple[list[dict[str, Any]], list[Other]]:
    remarks: list[dict[str, Any]] = []
    others: list[Other] = []
    if EVENTS not in table.column_names or not pa.types.is_list(table.column(EVENTS).type):
        return remarks, others
    values, parents = flat(table.column(EVENTS))
    for row, frame in zip(values.to_pylist(), parents.tolist(), strict=True):
        if not isinstance(row, dict):
            continue
        if _is_remark(row):
            remarks.append({"frame": frame, "text": row["content"], "role": row["role"]})
        else:
            others.append(Other(frame, *_words(row)))
    return remarks, others


def _is_remark(row: Mapping[str, Any]) -> bool:
    return row.get("style") == REMARK and _is_own(row, ("user", "assistant"))


def _with_subtasks(column: Any, language: Language, fps: float) -> Any:
    """Return the column with these subtasks instead of its own, each list in LeRobot's order."""
    rows = len(column)
    values = column.slice(0, 1).flatten()
    styles = values.field("style").to_pylist()
    kept = values.filter(pa.array([style != SUBTASK for style in styles], pa.bool_()))
    entries: list[dict[str, Any]] = []
    subtasks = language.subtasks
    for number, each in enumerate(subtasks):
        following = subtasks[number + 1].first if number + 1 < len(subtasks) else rows
        entries.append({"role": "assistant", "content": each.text, "style": SUBTASK, "timestamp": each.first / fps})
        if each.end < following:
            entries.append({"role": "assistant", "content": "", "style": SUBTASK, "timestamp": each.end / fps})
    values = _joined(kept, entries, column.type.value_type)
    order = np.argsort(np.asarray(values.field("timestamp").to_numpy(zero_copy_only=False), np.float64), kind="stable")
    try:
        check_repeated(len(values), values.nbytes if len(kept) else 0, rows)
    except LanguageError as error:
        raise EditError(str(error)) from error
    one = in_rows(values.take(pa.array(order)), np.zeros(len(values), np.int64), 1, column.type)
    return repeated(one, rows)


def _with_remarks(column: Any, language: Language) -> Any:
    """Return the column with these remarks instead of its own."""
    values, parents = flat(column)
    keep = np.array([not _is_remark(row) for row in values.to_pylist()], bool)
    kept = values.filter(pa.array(keep, pa.bool_()))
    entries = [{"role": each.role, "content": each.text, "style": REMARK} for each in language.remarks]
    frames = np.array([each.frame for each in language.remarks], np.int64)
    parents = np.concatenate([parents[keep], frames])
    order = np.argsort(parents, kind="stable")
    values = _joined(kept, entries, column.type.value_type).take(pa.array(order))
    return in_rows(values, parents[order], len(column), column.type)


def _joined(kept: Any, entries: list[dict[str, Any]], kind: pa.DataType) -> Any:
    """Return `kept` and behind it new entries in its type; fields that they do not have are null."""
    fields = [kind.field(n) for n in range(kind.num_fields)]
    arrays = [
        pa.array([entry[each.name] for entry in entries], each.type)
        if entries and each.name in entries[0]
        else pa.nulls(len(entries), each.type)
        for each in fields
    ]
    new = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.concat_arrays([kept, new])
