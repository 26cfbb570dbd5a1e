"""The least that the real LeRobot must do with a dataset: load it and give every frame through a DataLoader."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

# A torchvision that was built for CUDA declares its operators in a library that a CPU build of torch cannot load.
_LIBRARY = torch.library.Library("torchvision", "DEF")
_LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402


def main() -> int:
    root = Path(sys.argv[1])
    dataset = LeRobotDataset(f"local/{root.name}", root=root)
    seen = 0
    for batch in torch.utils.data.DataLoader(dataset, batch_size=8):
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
