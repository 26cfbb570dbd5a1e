"""Columns of a kind that robotdata never writes itself, put into a dataset as other programs do."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def with_odd_columns(root: Path) -> None:
    """Add a matrix, LeRobot's language columns and a column that no feature declares, as other programs do."""
    info = json.loads((root / "meta/info.json").read_text())
    info["features"]["observation.grid"] = {"dtype": "float32", "shape": [2, 3], "names": None}
    info["features"]["language_persistent"] = {"dtype": "language", "shape": [1], "names": None}
    (root / "meta/info.json").write_text(json.dumps(info))
    spoken = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("timestamp", pa.float32())]))
    for path in root.glob("data/*/*.parquet"):
        table = pq.read_table(path)
        numbers = table.column("index").to_pylist()
        added = {
            "observation.grid": pa.array([[[n, 1, 2], [3, 4, 5]] for n in numbers], pa.list_(pa.list_(pa.float32()))),
            "language_persistent": pa.array(
                [[{"role": "user", "content": f"say {n}", "timestamp": n / 30}] for n in numbers], spoken
            ),
            "somebodys.column": pa.array([f"row {n}" for n in numbers]),
        }
        for name, values in added.items():
            table = table.append_column(name, values)
        pq.write_table(table, path)
    path = next((root / "meta/episodes").rglob("*.parquet"))
    table = pq.read_table(path)
    pq.write_table(table.append_column("mood", pa.array([f"mood {n}" for n in range(table.num_rows)])), path)
