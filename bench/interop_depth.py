"""What the real LeRobot (0.6 or later) reads of a depth camera: `interop_depth.py ROOT KEY MAPS.npy OUT.npz`.

Every frame's depth in millimetres, and LeRobot's own statistics of the raw maps in MAPS, uint16 (n, H, W), as it makes
them where it records. Ends with 3 where this LeRobot knows no depth.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from interop_lerobot import LeRobotDataset
from PIL import Image


def main() -> int:
    root, key, maps, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    dataset = LeRobotDataset(f"local/{root.name}", root=root)
    if not hasattr(dataset.meta, "depth_keys"):
        return 3
    assert dataset.meta.depth_keys == [key], dataset.meta.depth_keys
    depth = np.stack([np.asarray(dataset[n][key]) for n in range(len(dataset))])
    np.savez(
        out, depth=depth, **{f"stats_{name}": value for name, value in _own_statistics(dataset, key, maps).items()}
    )
    return 0


def _own_statistics(dataset: LeRobotDataset, key: str, maps: Path) -> dict[str, np.ndarray]:
    from lerobot.datasets.compute_stats import compute_episode_stats

    with tempfile.TemporaryDirectory() as place:
        paths = []
        for number, one in enumerate(np.load(maps)):
            paths.append(f"{place}/frame-{number:06d}.tiff")
            Image.fromarray(one).save(paths[-1])
        return compute_episode_stats({key: paths}, dataset.meta.features)[key]


if __name__ == "__main__":
    sys.exit(main())
