"""The real LeRobot, offline, also beside a torchvision that does not load; for scripts in its environment."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import torch

# Beside a CPU build of torch a torchvision built for CUDA does not load; it only wants these named.
if not torch.version.cuda:
    _LIBRARY = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.datasets.lerobot_dataset import LeRobotDataset

__all__ = ["LeRobotDataset"]
