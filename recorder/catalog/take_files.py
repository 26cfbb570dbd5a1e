"""The files of one take: their size and their deletion."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from django.conf import settings

from robotdata.files.sync import sync_path
from robotdata.spool.take_lock import TakeLock

ASIDE_PREFIX = ".removing-"


def set_aside(folder: Path) -> Path | None:
    """Rename the folder before it is deleted, and return its new path; None if it does not exist.

    Raise OSError, and TakeBusy if its recorder is still writing.
    """
    aside = folder.with_name(f"{ASIDE_PREFIX}{folder.name}")
    if aside.exists():  # left by an earlier attempt that was killed
        shutil.rmtree(aside)
    try:
        lock = TakeLock(folder)
    except FileNotFoundError:
        return None
    with lock:
        folder.rename(aside)
        try:
            sync_path(folder.parent)
        except OSError:
            aside.rename(folder)  # the caller reports that nothing was deleted, and the row agrees
            raise
    return aside


def size_of(folder: Path) -> int:
    """Return the size of all files below the folder in bytes; 0 if it does not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def remove_staging(pk: uuid.UUID) -> int:
    """Delete the episode's staged videos; return the bytes freed."""
    staged = Path(settings.STAGING_DIR) / str(pk)
    freed = size_of(staged)
    shutil.rmtree(staged, ignore_errors=True)
    return freed
