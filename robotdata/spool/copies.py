"""Make a second take of the same frames."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from robotdata.files.sync import sync_path
from robotdata.files.trees import link_tree
from robotdata.spool.errors import TakeBusy
from robotdata.spool.facts import check_manifest
from robotdata.spool.manifest import FILE, curated_manifest, new_take_id, read_manifest, write_manifest
from robotdata.spool.take_lock import EDIT_WAIT_S, LOCK, TakeLock

COPYING_PREFIX = ".copying-"
"""Of folders that will be takes, or were left by a killed process."""


def tidy_copies(spool: Path, older_than_s: float = 3600.0) -> int:
    """Remove what killed processes left of copies that they did not finish, after so many seconds; return how many."""
    removed = 0
    for folder in spool.glob(f"{COPYING_PREFIX}*") if spool.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):  # it has become a take meanwhile
            if time.time() - folder.lstat().st_ctime > older_than_s:
                shutil.rmtree(folder)
                removed += 1
    return removed


def copy_take(
    folder: Path, *, by: str, changes: Mapping[str, Any], started_at: str, leave_out: Collection[str] = ()
) -> Path:
    """Make another take beside `folder` with the same frames; return its folder.

    Its files are hard links, or copies if the file system has none: nothing writes to the files of a take that has
    ended. It has no number yet, and `copy_of` in its manifest names the take that it comes from. `changes` are those of
    `update_curation`, in the history by `by`; `started_at` (ISO 8601) puts it behind the other in lists by time; the
    files named in `leave_out` stay with the first take.

    Raises NoTake, BadManifest, CurationError for an invalid change, OSError if the disk refuses, and TakeBusy while the
    take is being recorded or written.
    """
    with TakeLock(folder, wait_s=EDIT_WAIT_S):
        manifest = read_manifest(folder)
        if manifest["state"] == "recording":
            raise TakeBusy(folder, "its recorder")
        target = folder.with_name(new_take_id())
        raw = {name: value for name, value in manifest.raw.items() if name != "number"}
        raw |= {"id": target.name, "copy_of": folder.name, "started_at": started_at}
        new = curated_manifest(check_manifest(raw), by, changes) or raw
        work = folder.with_name(f"{COPYING_PREFIX}{target.name}")
        try:
            link_tree(folder, work, leave_out={FILE, LOCK, *leave_out})
            write_manifest(work, new)
            work.replace(target)
        except OSError:
            shutil.rmtree(work, ignore_errors=True)
            raise
        sync_path(folder.parent)
    return target
