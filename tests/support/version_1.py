"""A dataset v1.6: all rows in one table, videos named after camera and episode, and the version in `meta_data`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.dataset.conftest import CAMERAS, FPS
from tests.support import old_dataset

LENGTHS = old_dataset.LENGTHS


def write_version_1(
    root: Path, lengths: Sequence[int] = LENGTHS, *, arrow: bool = False, tasks: Sequence[str] = ()
) -> Path:
    """Write a dataset v1.6: frame n of camera c of episode e carries Barcode(n, e, c).

    `tasks` are the texts of the episodes' rows. With `arrow`, as `Dataset.save_to_disk` writes it.
    """
    (root / "meta_data").mkdir(parents=True)
    (root / "meta_data/info.json").write_text(json.dumps({"codebase_version": "v1.6", "fps": FPS, "video": True}))
    (root / "meta_data/stats.safetensors").write_bytes(b"not read")
    (root / "README.md").write_text("how it was recorded\n")
    parts = []
    for number, length in enumerate(lengths):
        rows = old_dataset.table(number, length, sum(lengths[:number])).drop_columns(["task_index"])
        for camera, key in enumerate(CAMERAS):
            old_dataset.write_video(root, number, length, camera)
            made = root / f"videos/chunk-000/{key}/episode_{number:06d}.mp4"
            made.rename(root / f"videos/{key}_episode_{number:06d}.mp4")
            rows = rows.append_column(key, frames(f"videos/{key}_episode_{number:06d}.mp4", np.arange(length) / FPS))
        if tasks:
            rows = rows.append_column("language_instruction", pa.array([tasks[number]] * length))
        parts.append(rows.append_column("next.done", pa.array([*[False] * (length - 1), True])))
    shutil.rmtree(root / "videos/chunk-000")
    write_rows(root, pa.concat_tables(parts), arrow=arrow)
    return root


def frames(path: str, stamps: Any) -> pa.Array:
    """Return a camera's cells: a path in the dataset, and times in seconds, (rows,)."""
    times = pa.array(np.asarray(stamps, np.float32))
    return pa.StructArray.from_arrays([pa.array([path] * len(times)), times], ["path", "timestamp"])


def write_rows(root: Path, rows: pa.Table, *, arrow: bool = False) -> None:
    """Write the table of all rows, in two files."""
    half = rows.num_rows // 2
    halves = [rows.slice(0, half), rows.slice(half)]
    (root / ("train" if arrow else "data")).mkdir(exist_ok=True)
    for number, part in enumerate(halves):
        if not arrow:
            pq.write_table(part, root / f"data/train-{number:05d}-of-00002.parquet")
            continue
        with pa.ipc.new_stream(root / f"train/data-{number:05d}-of-00002.arrow", part.schema) as file:
            file.write_table(part)
