"""A dataset v2.1 as LeRobot wrote it: for each episode a Parquet file and an MP4 per camera, tables as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from robotdata.dataset import stats
from robotdata.video.codecs import EncodeSettings
from robotdata.video.encode import encode_frames
from tests.dataset.conftest import CAMERAS, FPS, HEIGHT, NAMES, WIDTH, picture

LENGTHS = (5, 7, 4)
TASKS = ["push the cube", "lift the cube"]
H264 = EncodeSettings(codec="h264", preset="ultrafast", g=4)


def write_old(root: Path, lengths: Sequence[int] = LENGTHS) -> Path:
    """Write a dataset v2.1: frame n of camera c of episode e carries Barcode(n, e, c), and task e % 2."""
    (root / "meta").mkdir(parents=True)
    episodes, all_stats = [], []
    for number, length in enumerate(lengths):
        write_rows(root, number, table(number, length, sum(lengths[:number])))
        found = {key: write_video(root, number, length, camera) for camera, key in enumerate(CAMERAS)}
        all_stats.append({"episode_index": number, "stats": found})
        episodes.append({"episode_index": number, "tasks": [TASKS[number % 2]], "length": length})
    write_lines(root / "meta/episodes.jsonl", episodes)
    write_lines(root / "meta/episodes_stats.jsonl", all_stats)
    write_lines(root / "meta/tasks.jsonl", [{"task_index": n, "task": text} for n, text in enumerate(TASKS)])
    (root / "meta/info.json").write_text(json.dumps(info(lengths), indent=4))
    (root / "README.md").write_text("how it was recorded\n")
    return root


def info(lengths: Sequence[int]) -> dict[str, Any]:
    """Return `info.json`."""
    camera = {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": ["height", "width", "channel"]}
    one = {"shape": [1], "names": None}
    return {
        "codebase_version": "v2.1",
        "robot_type": "arm",
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
        "total_tasks": 2,
        "total_videos": 2 * len(lengths),
        "total_chunks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {
            "action": {"dtype": "float32", "shape": [6], "names": [NAMES]},
            "observation.state": {"dtype": "float32", "shape": [6], "names": NAMES},
            **{key: {**camera, "video_info": {"video.codec": "h264"}} for key in CAMERAS},
            "timestamp": {"dtype": "float32", **one},
            **{key: {"dtype": "int64", **one} for key in ("frame_index", "episode_index", "index", "task_index")},
        },
    }


def table(number: int, length: int, first: int) -> pa.Table:
    """Return the rows of an episode."""
    ticks = np.arange(length)
    values = np.sin(ticks[:, None] / 5 + np.arange(6) + number).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), 6)
    return pa.table(
        {
            "action": lists,
            "observation.state": lists,
            "timestamp": pa.array(ticks / FPS, pa.float32()),
            "frame_index": ticks,
            "episode_index": np.full(length, number),
            "index": ticks + first,
            "task_index": np.full(length, number % 2),
        }
    )


def data_file(root: Path, number: int) -> Path:
    """Return the path of an episode's rows."""
    return root / f"data/chunk-000/episode_{number:06d}.parquet"


def video_file(root: Path, number: int, key: str) -> Path:
    """Return the path of an episode's video."""
    return root / f"videos/chunk-000/{key}/episode_{number:06d}.mp4"


def write_rows(root: Path, number: int, rows: pa.Table) -> None:
    """Write the rows of an episode, over older ones."""
    data_file(root, number).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, data_file(root, number))


def write_video(root: Path, number: int, length: int, camera: int, settings: EncodeSettings = H264) -> dict[str, Any]:
    """Write a video of `length` frames, over an older one, and return its statistics."""
    path = video_file(root, number, CAMERAS[camera])
    path.parent.mkdir(parents=True, exist_ok=True)
    frames, counter = [picture(tick, number, camera) for tick in range(length)], stats.ImageStats()
    encode_frames(frames, path, fps=FPS, settings=settings, overwrite=True)
    for frame in frames:
        counter.add(frame)
    found = stats.to_json(counter.result())
    return {name: found[name] for name in stats.BASE}  # v2.1 has no quantiles


def write_lines(path: Path, values: Sequence[Any]) -> None:
    """Write a file of JSON lines."""
    path.write_text("".join(f"{json.dumps(value)}\n" for value in values))


def change_info(root: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change `info.json` in place."""
    path = root / "meta/info.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def change_rows(root: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the rows of all episodes."""
    for path in sorted((root / "data").rglob("*.parquet")):
        pq.write_table(change(pq.read_table(path)), path)
