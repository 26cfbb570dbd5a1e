"""Let the real LeRobot record a dataset with images and change it to videos, or read datasets that robotdata changed.

Runs in an environment with LeRobot 0.6.1. `interop_shapes.py make FOLDER` fills FOLDER with the datasets `one` (a
camera as video, one as images, see `interop_edits.py`), `stills` (images alone) and `converted`, what LeRobot makes of
`stills`. `interop_shapes.py read FOLDER...` prints, for each dataset, one JSON line with every frame as LeRobot gives
it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from interop_edits import FEATURES, FPS, FRONT, LENGTHS, PICTURE, STILL, TASKS, picture, record
from interop_lerobot import LeRobotDataset  # first: it takes LeRobot offline
from lerobot.datasets.dataset_tools import convert_image_to_video_dataset

from robotdata.video.barcode import read

STILLS = {**{key: each for key, each in FEATURES.items() if key != FRONT}, STILL: {"dtype": "image", **PICTURE}}


def record_stills(folder: Path) -> LeRobotDataset:
    """Record a dataset whose only camera is stored as images."""
    dataset = LeRobotDataset.create("stills", FPS, STILLS, root=folder / "stills", robot_type="arm", use_videos=False)
    for number, length in enumerate(LENGTHS["one"]):
        for tick in range(length):
            frame = {
                "action": np.sin(np.arange(3) + tick + number).astype(np.float32),
                "observation.force": np.array([number + tick / 10]),
                "observation.words": f"episode {number} tick {tick}",
                STILL: picture(tick, number, 1),
                "task": TASKS[number % len(TASKS)],
            }
            dataset.add_frame(frame)
        dataset.save_episode()
    dataset.finalize()
    return LeRobotDataset("stills", root=folder / "stills")


def frames_of(root: Path) -> list[dict[str, Any]]:
    """Return every frame as LeRobot gives it; of pictures the barcode."""
    dataset = LeRobotDataset(root.name, root=root)
    frames = []
    for item in (dataset[n] for n in range(len(dataset))):
        codes = {}
        for key in dataset.meta.camera_keys:
            rgb = (item[key].numpy() * 255).round().astype(np.uint8).transpose(1, 2, 0)
            code = read(rgb)
            codes[key] = [code.episode, code.tick]
        numbers = {key: int(item[key]) for key in ("episode_index", "frame_index", "index")}
        values = {"timestamp": float(item["timestamp"]), "action": item["action"].tolist(), "task": item["task"]}
        frames.append({**numbers, **values, "codes": codes})
    return frames


def main() -> None:
    what, folders = sys.argv[1], [Path(word) for word in sys.argv[2:]]
    if what == "make":
        record(folders[0], "one", 0)
        convert_image_to_video_dataset(
            record_stills(folders[0]), output_dir=folders[0] / "converted", repo_id="converted"
        )
        return
    for folder in folders:
        sys.stdout.write(json.dumps({"name": folder.name, "frames": frames_of(folder)}) + "\n")


if __name__ == "__main__":
    main()
