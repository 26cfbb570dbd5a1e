"""Statistics counted anew from what lies on a disk: numpy, pyarrow, pictures; nothing of the code that wrote them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

PARTS = ("min", "max", "mean", "std", "count")
Stat = dict[str, NDArray[np.float64]]
Picture = NDArray[np.uint8]


def rows_of(root: Path) -> dict[int, dict[str, NDArray[Any]]]:
    """By episode: every numeric column, in the order of its rows."""
    found: dict[int, dict[str, list[Any]]] = {}
    for path in sorted(root.glob("data/*/*.parquet")):
        table = pq.read_table(path)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        for row, episode in enumerate(columns["episode_index"]):
            kept = found.setdefault(episode, {name: [] for name in columns})
            for name, values in columns.items():
                kept[name].append(values[row])
    return {
        episode: {name: np.array(values, np.float64).reshape(len(values), -1) for name, values in columns.items()}
        for episode, columns in found.items()
    }


def of_rows(values: NDArray[Any]) -> Stat:
    """Of (n, d) values, as a textbook has it."""
    rows = values.astype(np.float64)
    mean = rows.mean(axis=0)
    spread = np.sqrt(((rows - mean) ** 2).mean(axis=0))
    made = {"min": rows.min(axis=0), "max": rows.max(axis=0), "mean": mean, "std": spread, "count": [len(rows)]}
    return {name: np.asarray(value, np.float64) for name, value in made.items()}


def of_pictures(pictures: Sequence[Picture]) -> Stat:
    """LeRobot's rule for a camera: some pictures of an episode, every n-th pixel of large ones, in shares of white."""
    wanted = max(min(100, len(pictures)), min(int(len(pictures) ** 0.75), 10_000))
    places = np.round(np.linspace(0, len(pictures) - 1, wanted)).astype(int)
    seen = np.stack([_thinned(pictures[place]) for place in places])
    return of_rows(seen.reshape(-1, 3) / 255) | {"count": np.array([wanted], np.float64)}


def together(parts: Sequence[Stat]) -> Stat:
    """Of everything that `parts` were counted from, each of them by its own count."""
    count = np.array([part["count"][0] for part in parts], np.longdouble)[:, None]
    mean = (np.stack([part["mean"] for part in parts]) * count).sum(axis=0) / count.sum()
    square = (np.stack([part["std"] ** 2 + part["mean"] ** 2 for part in parts]) * count).sum(axis=0) / count.sum()
    low, high = np.min([part["min"] for part in parts], axis=0), np.max([part["max"] for part in parts], axis=0)
    spread = np.sqrt(np.maximum(0, square - mean**2))
    made = {"min": low, "max": high, "mean": mean, "std": spread, "count": [count.sum()]}
    return {name: np.asarray(value, np.float64) for name, value in made.items()}


def stored(root: Path) -> dict[int, dict[str, Stat]]:
    """What the table of episodes says, by episode and feature."""
    found: dict[int, dict[str, Stat]] = {}
    for path in sorted(root.glob("meta/episodes/*/*.parquet")):
        for row in pq.read_table(path).to_pylist():
            mine = found.setdefault(row["episode_index"], {})
            for name, value in row.items():
                if name.startswith("stats/") and value is not None:
                    key, _, part = name.removeprefix("stats/").rpartition("/")
                    mine.setdefault(key, {})[part] = np.array(value, np.float64).reshape(-1)
    return found


def total(root: Path) -> dict[str, Stat]:
    """What `stats.json` says."""
    said: Mapping[str, Mapping[str, Any]] = json.loads((root / "meta/stats.json").read_text())
    return {
        key: {part: np.array(value, np.float64).reshape(-1) for part, value in about.items()}
        for key, about in said.items()
    }


def differ(said: Stat, counted: Stat) -> list[str]:
    """The parts that are not equal within one in a million."""
    wrong = [part for part in PARTS if part not in said or said[part].shape != counted[part].shape]
    return wrong or [part for part in PARTS if not np.allclose(said[part], counted[part], rtol=1e-6, atol=1e-6)]


def jpeg(data: bytes) -> Picture:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def frames(path: Path) -> Iterator[Picture]:
    """Every picture of a video."""
    with av.open(str(path)) as video:
        for frame in video.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _thinned(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if max(height, width) < 300:
        return picture
    step = int(width / 150) if width > height else int(height / 150)
    return picture[::step, ::step]
