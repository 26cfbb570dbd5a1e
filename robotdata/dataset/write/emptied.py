"""The state of a dataset whose episodes have all left: what LeRobot writes when it creates one, and our sidecar.

It keeps its features, its rate and every file that describes no episode. LeRobot does not load a dataset without
episodes; it records into one (`LeRobotDataset.resume`).
"""

from __future__ import annotations

import os
from pathlib import Path

from robotdata.dataset.layout import EPISODES_GLOB, STATS, TASKS
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.write.draft import Draft, counted_info

_FOLDERS = ("data", "videos", "meta/episodes")


def write_empty(draft: Draft, sidecar: Sidecar) -> None:
    """Write `meta/` of a state without episodes, and remove what describes episodes. Call it when their files left."""
    for path in (*draft.root.glob(EPISODES_GLOB), draft.root / TASKS, draft.root / STATS):
        path.unlink(missing_ok=True)
    for name in _FOLDERS:
        _remove_empty_folders(draft.root / name)
    draft.write_meta(None, counted_info(draft.info, episodes=0, frames=0, tasks=0, splits={}), sidecar)


def _remove_empty_folders(folder: Path) -> None:
    """Remove `folder` and those in it, except what holds a file."""
    for parent, _, _ in os.walk(folder, topdown=False):
        if not any(Path(parent).iterdir()):
            Path(parent).rmdir()
