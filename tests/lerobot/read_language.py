"""Print what LeRobot's own reader and resolver find in the language columns of a dataset: run in its environment."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from lerobot.datasets.language_render import active_at
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def plain(value: Any) -> Any:
    """Return tensors as numbers."""
    return value.item() if isinstance(value, torch.Tensor) else value


dataset = LeRobotDataset("some/body", root=sys.argv[1], download_videos=False)
rows = dataset.hf_dataset
found = []
for n in range(len(rows)):
    row = rows[n]
    lasting, events = row["language_persistent"], row["language_events"]
    active = active_at(plain(row["timestamp"]), persistent=lasting, style="subtask")
    found.append(
        {
            "episode": plain(row["episode_index"]),
            "frame": plain(row["frame_index"]),
            "subtask": active["content"] if active else "",
            "events": [event["content"] for event in events],
        }
    )
sys.stdout.write(json.dumps(found) + "\n")
