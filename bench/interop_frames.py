"""What the real LeRobot gives of a dataset, frame by frame: its indices, its task, and what its pictures say they are.

Runs in LeRobot's environment; prints a JSON list. For datasets whose pictures are numbered (`robotdata.video.barcode`).
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from interop_lerobot import LeRobotDataset

from robotdata.video.barcode import read


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print; the answer stays alone on standard output
    root = Path(sys.argv[1])
    dataset = LeRobotDataset(f"local/{root.name}", root=root)
    cameras = dataset.meta.video_keys
    json.dump([_frame(dataset[number], cameras) for number in range(len(dataset))], out)


def _frame(item: dict[str, Any], cameras: list[str]) -> dict[str, Any]:
    numbers = {name: int(item[name]) for name in ("index", "frame_index", "episode_index")}
    pictures = {key: asdict(read(_picture(item[key]))) for key in cameras}
    return {**numbers, "timestamp": float(item["timestamp"]), "task": item["task"], "pictures": pictures}


def _picture(tensor: Any) -> np.ndarray[Any, Any]:
    """float32 (3, H, W) in [0, 1] to uint8 (H, W, 3)."""
    return np.ascontiguousarray((tensor.numpy() * 255).round().astype(np.uint8).transpose(1, 2, 0))


if __name__ == "__main__":
    main()
