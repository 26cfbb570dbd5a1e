"""The files of one take: their size, and how they are removed."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from django.conf import settings

from robotdata.files.sync import sync_path
from robotdata.spool.take_lock import TakeLock

ASIDE = ".removing-"


def set_aside(folder: Path) -> Path | None:
    """Give the folder a name that nobody looks for, before it is deleted; None where it is not there.

    Raises OSError, and TakeBusy where its recorder still writes.
    """
    aside = folder.with_name(f"{ASIDE}{folder.name}")
    if aside.exists():  # of an earlier try that was killed half way
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
            aside.rename(folder)  # the caller says that nothing was deleted, and the row that it is there
            raise
    return aside


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def remove_staging(pk: uuid.UUID) -> int:
    """Delete what was encoded of it and not committed; bytes freed."""
    staged = Path(settings.STAGING_DIR) / str(pk)
    freed = size_of(staged)
    shutil.rmtree(staged, ignore_errors=True)
    return freed
