"""The real LeRobot, offline, also beside a torchvision that does not load; for scripts in its environment."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import torch

# A torchvision built for CUDA keeps these in a library that a CPU build of torch cannot load; it only wants them named.
_LIBRARY = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

__all__ = ["LeRobotDataset"]
