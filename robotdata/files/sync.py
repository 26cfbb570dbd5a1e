"""Make file contents and file names durable with fsync."""

from __future__ import annotations

import os
from pathlib import Path

from robotdata.files.errors import NotDurable


def sync_path(path: Path) -> None:
    """Make the content of a file, or the names in a folder, durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folders(root: Path) -> None:
    """Make the names in `root` and in all folders below it durable."""
    for folder, _, _ in os.walk(root, topdown=False):
        sync_path(Path(folder))


def confirm_name(path: Path) -> None:
    """Make the name of a file durable that has just been renamed. Raises NotDurable."""
    try:
        sync_path(path.parent)
    except OSError as error:
        raise NotDurable(path, error) from error
