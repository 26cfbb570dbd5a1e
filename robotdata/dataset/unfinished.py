"""Describe what is left of a recording whose program was killed before it wrote the table of episodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robotdata.dataset.errors import DamagedFile, Unfinished
from robotdata.dataset.layout import DATA_GLOB, VIDEO_GLOB
from robotdata.dataset.tables import open_parquet
from robotdata.numbers import count
from robotdata.video.errors import VideoError
from robotdata.video.index import index_video

_LISTED = 6
_MAX_FILES = 200


def unfinished(root: Path, info: Mapping[str, Any]) -> Unfinished | None:
    """Return an error that says which rows are lost, which videos are complete and what to do; None for other folders.

    LeRobot closes its Parquet files when a recording ends. If it is killed before, they have no footer, and their rows
    cannot be read. Its videos are closed after each episode.
    """
    data = sorted(root.glob(DATA_GLOB))[:_MAX_FILES]
    unreadable = [path for path in data if not _has_rows(path, root)]
    if not unreadable:
        return None
    complete, broken = [], []
    for path in sorted(root.glob(VIDEO_GLOB))[:_MAX_FILES]:
        name = path.relative_to(root).as_posix()
        try:
            complete.append(f"{name} ({count(len(index_video(path)), 'frame')})")
        except (VideoError, OSError):
            broken.append(name)
    parts = [f"the rows of {_listed([path.relative_to(root).as_posix() for path in unreadable])} are gone"]
    parts.append(
        f"of the videos {_listed(complete)} {'is' if len(complete) == 1 else 'are'} complete"
        if complete
        else "no video is"
    )
    if broken:
        parts.append(f"{_listed(broken)} cannot be read")
    promised = f"{info.get('total_episodes')} episodes, {info.get('total_frames')} frames"
    return Unfinished(root, f"{', '.join(parts)} (info.json promises {promised})", whole=len(complete))


def _has_rows(path: Path, root: Path) -> bool:
    try:
        with open_parquet(path, root=root):
            return True
    except DamagedFile:
        return False


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
