"""Runs where LeRobot is: makes small datasets of the kinds that people have. `python world_lerobot.py FOLDER`

Prints the name of each one that is made; a kind that this version of LeRobot cannot make is printed with the reason.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.interop_lerobot import LeRobotDataset

FPS = 10
HEIGHT, WIDTH = 96, 128
NUMBERS = {"dtype": "float32", "shape": (2,), "names": ["a.pos", "b.pos"]}
VIDEO = {"dtype": "video", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
BASE = {"action": NUMBERS, "observation.state": NUMBERS}
FEATURES: dict[str, dict[str, Any]] = {
    "two_cameras": {**BASE, "observation.images.front": VIDEO, "observation.images.wrist": VIDEO},
    "image_in_parquet": {**BASE, "observation.images.front": {**VIDEO, "dtype": "image"}},
    "string_column": {**BASE, "subtask": {"dtype": "string", "shape": (1,), "names": None}},
    "rank_two": {**BASE, "observation.grid": {"dtype": "float32", "shape": (3, 4), "names": None}},
    "scalars": {
        **BASE,
        "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
        "next.done": {"dtype": "bool", "shape": (1,), "names": None},
        "step": {"dtype": "int64", "shape": (1,), "names": None},
    },
    "no_camera": BASE,
    "many_short": {**BASE, "observation.images.front": VIDEO},
    "task_per_frame": BASE,
    "killed": {**BASE, "observation.images.front": VIDEO},
}
EPISODES = {"many_short": (60, 4)}
"""Episodes and frames of each, where they are not 3 and 12."""


def frame(features: dict[str, Any], episode: int, number: int, kind: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, feature in features.items():
        value = episode + number / 100
        if feature["dtype"] in ("video", "image"):
            made[key] = np.full((HEIGHT, WIDTH, 3), (episode * 40 + number * 3) % 256, np.uint8)
        elif feature["dtype"] == "string":
            made[key] = f"reach {episode % 2}"
        elif feature["dtype"] == "bool":
            made[key] = np.array([number == 11])
        elif feature["dtype"] == "int64":
            made[key] = np.array([number], np.int64)
        else:
            made[key] = np.full(feature["shape"], value, np.float32)
    made["task"] = f"push {number % 2 if kind == 'task_per_frame' else episode % 2}"
    return made


def make(kind: str, root: Path) -> None:
    features = FEATURES[kind]
    dataset = LeRobotDataset.create(f"world/{kind}", FPS, features, root=root, robot_type="two_joints")
    episodes, frames = EPISODES.get(kind, (3, 12))
    for episode in range(episodes):
        for number in range(frames):
            dataset.add_frame(frame(features, episode, number, kind))
        dataset.save_episode()
    if kind == "killed":
        sys.stdout.flush()
        os._exit(0)  # as a power cut: nothing is finalized
    dataset.finalize()


def main() -> None:
    folder = Path(sys.argv[1])
    for kind in FEATURES:
        child = os.fork()
        if child == 0:
            make(kind, folder / kind)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(kind, "made" if status == 0 else f"cannot be made: it ended with {status}", flush=True)


if __name__ == "__main__":
    main()
