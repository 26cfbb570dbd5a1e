"""Adds an episode with the real LeRobot's own recorder to a dataset that we made. Runs in LeRobot's environment."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from interop_lerobot import LeRobotDataset

DEFAULTS = {"timestamp", "frame_index", "episode_index", "index", "task_index"}


def main() -> None:
    root, frames = Path(sys.argv[1]), int(sys.argv[2])
    # From 0.6 on a dataset that is opened is for reading, unless one says that one goes on recording.
    opened = getattr(LeRobotDataset, "resume", LeRobotDataset)
    dataset = opened(f"local/{root.name}", root=root)
    for n in range(frames):
        frame: dict[str, object] = {"task": "recorded by LeRobot"}
        for key, feature in dataset.features.items():
            if key in DEFAULTS:
                continue
            if feature["dtype"] == "video":
                frame[key] = np.full(feature["shape"], 5 * n % 256, np.uint8)
            else:
                frame[key] = np.full(feature["shape"], n % 2, feature["dtype"])
        dataset.add_frame(frame)
    dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    main()
