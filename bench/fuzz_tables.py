"""Change a parquet file by its columns, as a converter, another program or an older version might write it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_ODD_NUMBERS: list[Any] = [None, 0, -1, 1, 2**31, 2**62, float("nan"), float("inf"), -1e308, 0.5]
_ODD_TEXTS: list[Any] = [None, "", "x" * 50_000, "a\0b", "../../etc", "\u202e", "é" * 200]


def change_table(path: Path, chance: random.Random) -> str:
    """Change one thing in the table and write it again; returns what was changed."""
    table = pq.read_table(path)
    name = chance.choice(table.column_names)
    act = chance.randrange(10)
    if act == 0:
        changed, what = table.drop_columns([name]), f"column {name} gone"
    elif act == 1:
        new = chance.choice(["x", "", name.upper(), chance.choice(table.column_names)])
        changed = table.rename_columns([new if each == name else each for each in table.column_names])
        what = f"column {name} renamed to {new!r}"
    elif act == 2:
        count = chance.choice([0, 1, max(0, table.num_rows - 1)])
        changed, what = table.slice(0, count), f"{count} rows left"
    elif act == 3:
        changed, what = pa.concat_tables([table] * chance.choice([2, 3, 100])), "rows doubled"
    elif act == 4:
        rows = range(table.num_rows - 1, -1, -1)
        changed, what = pa.concat_tables([table.slice(0, 0), *(table.slice(row, 1) for row in rows)]), "rows backwards"
    elif act == 5:
        changed, what = table.append_column("unknown", pa.array([{"a": [1]}] * table.num_rows)), "a column more"
    else:
        column, what = _odd_column(table.column(name), chance)
        changed = table.set_column(table.column_names.index(name), name, column)
        what = f"column {name}: {what}"
    pq.write_table(changed, path)
    return what


def _odd_column(column: Any, chance: random.Random) -> tuple[Any, str]:
    count = len(column)
    act = chance.randrange(6)
    if act == 0:
        return bad_texts(count), "a text that is not UTF-8"
    if act == 1:
        return pa.nulls(count), "nulls"
    if act == 2:
        value = chance.choice(_ODD_TEXTS)
        return pa.array([value] * count, pa.string()), f"{str(value)[:20]!a}"
    if act == 3:
        return pa.array([[1.5, None]] * count), "lists"
    value = chance.choice(_ODD_NUMBERS)
    values = column.to_pylist()
    if count and act == 4:  # one value of the right type, where it can be one
        values[chance.randrange(count)] = value
        try:
            return pa.array(values, column.type), f"one is {value}"
        except (pa.ArrowException, TypeError, OverflowError):
            pass
    return pa.array([value] * count, pa.float64()), f"all are {value}"


def bad_texts(count: int) -> Any:
    """A column of strings that no Python decodes: Latin-1 from a converter."""
    data = b"cub\xe9" * count
    offsets = pa.array(range(0, 4 * count + 1, 4), pa.int32())
    return pa.Array.from_buffers(pa.string(), count, [None, offsets.buffers()[1], pa.py_buffer(data)])
