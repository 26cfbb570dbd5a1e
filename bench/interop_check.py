"""The least that the real LeRobot must do with a dataset: load it and give every frame through a DataLoader."""

from __future__ import annotations

import sys
from pathlib import Path

from interop_lerobot import LeRobotDataset
from torch.utils.data import DataLoader


def main() -> int:
    root = Path(sys.argv[1])
    dataset = LeRobotDataset(f"local/{root.name}", root=root)
    seen = 0
    for batch in DataLoader(dataset, batch_size=8):
        if batch["index"].tolist() != list(range(seen, seen + len(batch["index"]))):
            print(f"FAIL rows after {seen} are not in order")
            return 1
        seen += len(batch["index"])
    if seen != dataset.meta.total_frames:
        print(f"FAIL {seen} of {dataset.meta.total_frames} rows were given")
        return 1
    print(f"CONFORMANT: {seen} rows of {dataset.num_episodes} episodes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
