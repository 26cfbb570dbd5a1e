"""Where a dataset's next states are built and its earlier ones kept: beside its folder, on the same disk.

A state is put in place by a rename. A folder among the datasets may be a link to one on another disk; what belongs to
it then lies beside the folder that the link leads to.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

WORK, REVISIONS = ".work", ".revisions"
_CACHE = "datasets--"
"""How the folder of a dataset in the Hub's cache begins."""


def datasets_root() -> Path:
    return Path(settings.DATASETS_DIR)


def work_of(folder: Path) -> Path:
    """Where the next states of the dataset in `folder` are built."""
    return _beside(folder) / WORK


def revisions_of(folder: Path) -> Path:
    """Where the earlier states of the dataset in `folder` are."""
    return _beside(folder) / REVISIONS / _real(folder).name


def misplaced(folder: Path) -> str:
    """Why a link among the datasets cannot be used, and what to do instead; empty where it can, or is no link."""
    if not folder.is_symlink():
        return ""
    real = folder.resolve()
    if real.parent.name == "snapshots" and real.parent.parent.name.startswith(_CACHE):
        return (
            f"{folder} is a link into the cache of the Hugging Face Hub, which other programs share: replace it with a "
            f"copy (rm {folder} && cp -rL {real} {folder})"
        )
    home = datasets_root().resolve().parent
    if real.is_relative_to(home) or home.is_relative_to(real):
        return f"{folder} is a link to {real}, which is itself in {home}: copy that folder instead of linking it"
    return ""


def unchangeable(folder: Path) -> str:
    """Why the dataset in `folder` could be shown, but not get a new state, and what to do; empty where it can."""
    if words := misplaced(folder):
        return words
    real, work, linked = _real(folder), work_of(folder), folder.is_symlink()
    try:
        if not real.exists():
            gone = f"{folder} is a link to {real}, which does not exist: mount its disk, or restore the folder"
            return gone if linked else ""
        if real.stat().st_dev != real.parent.stat().st_dev:
            return f"{real} is the root of a disk: put the dataset into a folder on that disk, and link that folder"
        if linked:
            work.mkdir(exist_ok=True)
    except OSError as error:
        return (
            f"{work} cannot be created ({error.strerror}): new states are built beside a dataset; check its permissions"
        )
    if linked and not (os.access(work, os.W_OK | os.X_OK) and os.access(real.parent, os.W_OK | os.X_OK)):
        return f"{real.parent} is not writable: new states of the dataset are built there. Check its permissions"
    return ""


def _beside(folder: Path) -> Path:
    return _real(folder).parent if folder.is_symlink() else folder.parent


def _real(folder: Path) -> Path:
    return folder.resolve() if folder.is_symlink() else folder
