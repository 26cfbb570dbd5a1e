"""A committed episode as a source."""

from __future__ import annotations

from pathlib import Path

from viewer.errors import Gone
from viewer.sources import FrameSource


def committed_version(folder: Path, index: int) -> str:
    raise Gone(f"episode {index} of {folder.name} cannot be shown yet")


def CommittedSource(folder: Path, index: int) -> FrameSource:
    raise Gone(f"episode {index} of {folder.name} cannot be shown yet")
