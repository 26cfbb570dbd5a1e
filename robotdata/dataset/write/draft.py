"""The next state of a dataset while it is built beside the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from robotdata.dataset.features import Features, video_keys
from robotdata.dataset.hashes import hashed_files
from robotdata.dataset.layout import (
    CHUNKS_SIZE,
    DATA_PATH,
    EPISODES_GLOB,
    INFO,
    MIB,
    SIDECAR,
    STATS,
    TASKS,
    VIDEO_PATH,
    Layout,
    episodes_file,
)
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.tables import more_of_tasks, write_tasks
from robotdata.dataset.tasks import TaskPlan
from robotdata.files.json_files import write_new_json
from robotdata.files.new_file import write_new_text
from robotdata.files.trees import link_tree

NOTES = "notes"
"""Key in the sidecar's `made_by`: sentences about what could not be carried over and about old problems."""
_MAX_NOTES = 20


class Draft:
    """`folder/next`: hard links to all files of `base`, and new files in place of those that change.

    A file is never overwritten in place, because the old state shares it. `others`: datasets of which files are linked.
    """

    def __init__(
        self, root: Path, base: DatasetFolder | None, info: dict[str, Any], others: Sequence[DatasetFolder] = ()
    ) -> None:
        self.root = root
        self.base = base
        self.others = others
        self.info = info
        if base is None:
            root.mkdir(parents=True)
        else:
            link_tree(base.root.resolve(), root)
        self.layout = Layout.of(root, info)
        self._sidecar = Sidecar()

    @property
    def chunks_size(self) -> int:
        """Files per chunk folder."""
        return int(_positive(self.info.get("chunks_size"), CHUNKS_SIZE))

    @property
    def data_limit(self) -> int:
        """Size limit of a data file in bytes."""
        return round(_positive(self.info.get("data_files_size_in_mb"), 100) * MIB)

    @property
    def video_limit(self) -> int:
        """Size limit of a video file in bytes."""
        return round(_positive(self.info.get("video_files_size_in_mb"), 200) * MIB)

    def data_path(self, chunk: int, file: int) -> Path:
        """Return the path of a data file to write; a link to the old file is removed."""
        return self.free(self.layout.data_file(chunk, file))

    def video_path(self, key: str, chunk: int, file: int) -> Path:
        """Return the path of a video file to write; a link to the old file is removed."""
        return self.free(self.layout.video_file(key, chunk, file))

    def free(self, path: Path) -> Path:
        """Remove the link at `path`, create its folder, and return `path`."""
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def episodes_path(self) -> Path:
        """Return the path of the table of episodes to write; links to the old tables are removed."""
        for path in self.root.glob(EPISODES_GLOB):
            path.unlink()
        return self.free(self.root / episodes_file(0, 0))

    def write_tasks(self, plan: TaskPlan) -> None:
        """Write the tasks, each with the additional columns of the old state."""
        root = self.base.root if self.base else None
        old = root / TASKS if root else None
        numbers: list[int | None] = [None] * len(plan.texts)
        for before, now in plan.renumbered.items():
            numbers[now] = before
        more = more_of_tasks(old, numbers, root=root) if old is not None and old.is_file() else None
        write_tasks(self.free(self.root / TASKS), plan.texts, more)

    def write_meta(self, stats: Mapping[str, Any] | None, info: Mapping[str, Any], sidecar: Sidecar) -> None:
        """Write statistics if there are any, then the sidecar with the hash of every file, and `info.json` last."""
        if stats is not None:
            write_new_json(self.free(self.root / STATS), stats, nan=True)
        root, before = (self.base.root.resolve(), self.base.sidecar) if self.base else (None, Sidecar())
        others = [(other.root.resolve(), other.sidecar) for other in self.others]
        self._sidecar = replace(sidecar, more={**sidecar.more, **hashed_files(self.layout, root, before, others)})
        write_new_text(self.free(self.root / SIDECAR), self._sidecar.to_json())
        write_new_json(self.free(self.root / INFO), info, nan=True)

    def add_notes(self, notes: Sequence[str]) -> None:
        """Add notes about this state to the sidecar, after `write_meta`; see `NOTES`."""
        made_by = self._sidecar.more.get("made_by")
        if not notes or not isinstance(made_by, dict):
            return
        made_by = {**made_by, NOTES: [*made_by.get(NOTES, []), *notes][:_MAX_NOTES]}
        self._sidecar = replace(self._sidecar, more={**self._sidecar.more, "made_by": made_by})
        write_new_text(self.free(self.root / SIDECAR), self._sidecar.to_json())


def new_info(
    features: Features, *, fps: float, robot_type: str | None, data_mb: float, video_mb: float
) -> dict[str, Any]:
    """Return `info.json` of a dataset without episodes."""
    return {
        "codebase_version": "v3.0",
        "robot_type": robot_type,
        "total_episodes": 0,
        "total_frames": 0,
        "total_tasks": 0,
        "chunks_size": CHUNKS_SIZE,
        "data_files_size_in_mb": data_mb,
        "video_files_size_in_mb": video_mb,
        "fps": fps,
        "splits": {},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH if video_keys(features) else None,
        "features": features,
    }


def counted_info(info: Mapping[str, Any], *, episodes: int, frames: int, tasks: int, splits: Any) -> dict[str, Any]:
    """Return `info` with its counters and splits set."""
    return {
        **info,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "splits": splits,
    }


def _positive(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else default
