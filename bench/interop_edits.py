"""Make two datasets with the real LeRobot, and let its own tools split the first and merge both.

Runs in an environment with LeRobot: `interop_edits.py FOLDER` fills FOLDER with the datasets `one` and `two` and with
what LeRobot makes of them: `split/train`, `split/val` (by share), `listed/odd`, `listed/even` (by list), `merged`,
`removed` (a camera of each kind and a column), `added` (three columns) and, from 0.6 on, `recounted` (statistics).
Each has a camera as video, one as images in Parquet, a text and numbers.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
from interop_lerobot import LeRobotDataset  # first: it takes LeRobot offline
from lerobot.datasets.dataset_tools import add_features, merge_datasets, remove_feature, split_dataset

try:
    from lerobot.datasets.dataset_tools import recompute_stats
except ImportError:  # 0.4
    recompute_stats = None

from robotdata.video.barcode import Barcode, draw

FRONT, STILL = "observation.images.front", "observation.images.still"
WIDTH, HEIGHT, FPS = 272, 64, 30
LENGTHS = {"one": (5, 9, 4, 7, 6), "two": (8, 3)}
TASKS = ("push the cube", "räume auf", "pick it up")
SHARES = {"train": 0.7, "val": 0.3}
LISTS = {"odd": [3, 1], "even": [0, 2, 4]}
REMOVED = {"removed": ["observation.force", FRONT], "unstilled": [STILL, "observation.words"]}
SUCCEEDED = (0, 3)
PICTURE = {"shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
FEATURES = {
    "action": {"dtype": "float32", "shape": (3,), "names": ["a", "b", "c"]},
    "observation.force": {"dtype": "float64", "shape": (1,), "names": None},
    "observation.words": {"dtype": "string", "shape": (1,), "names": None},
    FRONT: {"dtype": "video", **PICTURE},
    STILL: {"dtype": "image", **PICTURE},
}


def picture(tick: int, episode: int, camera: int) -> np.ndarray:
    """Return a frame that says which it is."""
    made = np.full((HEIGHT, WIDTH, 3), 80 + tick, np.uint8)
    draw(made, Barcode(tick, episode, camera))
    return made


def record(folder: Path, name: str, first: int) -> LeRobotDataset:
    """Record a dataset; its episodes are numbered from `first` in their frames."""
    dataset = LeRobotDataset.create(name, FPS, FEATURES, root=folder / name, robot_type="arm", use_videos=True)
    for number, length in enumerate(LENGTHS[name], first):
        for tick in range(length):
            frame = {
                "action": np.sin(np.arange(3) + tick + number).astype(np.float32),
                "observation.force": np.array([number + tick / 10]),
                "observation.words": f"episode {number} tick {tick}",
                FRONT: picture(tick, number, 0),
                STILL: picture(tick, number, 1),
                "task": TASKS[number % len(TASKS)],
            }
            dataset.add_frame(frame)
        dataset.save_episode()
    dataset.finalize()
    return LeRobotDataset(name, root=folder / name)


def add(dataset: LeRobotDataset, folder: Path) -> None:
    """Add a flag at the end of each successful episode, a part of a column, and a constant."""
    rows = [(n, tick, length) for n, length in enumerate(LENGTHS["one"]) for tick in range(length)]
    ended = np.array([n in SUCCEEDED and tick == length - 1 for n, tick, length in rows])
    add_features(
        dataset,
        {
            "next.success": (ended, {"dtype": "bool", "shape": (1,), "names": None}),
            "action.first": (
                lambda row, *_: row["action"][:2],
                {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
            ),
            "weight": (np.full(len(rows), 2.5, np.float32), {"dtype": "float32", "shape": (1,), "names": None}),
        },
        output_dir=folder,
    )


def main() -> None:
    folder = Path(sys.argv[1])
    one = record(folder, "one", 0)
    two = record(folder, "two", len(LENGTHS["one"]))
    split_dataset(one, dict(SHARES), output_dir=folder / "split")
    split_dataset(one, dict(LISTS), output_dir=folder / "listed")
    merge_datasets([one, two], "merged", output_dir=folder / "merged")
    for name, keys in REMOVED.items():
        remove_feature(one, keys, output_dir=folder / name)
    add(one, folder / "added")
    if recompute_stats is not None:
        shutil.copytree(folder / "one", folder / "recounted")
        recompute_stats(LeRobotDataset("recounted", root=folder / "recounted"))


if __name__ == "__main__":
    main()
