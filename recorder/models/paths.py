"""Where a dataset's next revisions are built and its earlier ones kept: beside its folder, on the same disk.

A rename puts a revision in place. A folder among the datasets may be a link to another disk; its revisions are then
beside the folder that the link points to.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

WORK, REVISIONS = ".work", ".revisions"
TRASH, EXPORTS = ".trash", ".exports"
_CACHE_PREFIX = "datasets--"
"""The prefix of a dataset's folder in the Hub's cache."""


def datasets_root() -> Path:
    """Return the folder of all datasets."""
    return Path(settings.DATASETS_DIR)


def is_among_datasets(folder: Path) -> bool:
    """Return whether `folder`, with links followed, lies directly in the folder of all datasets."""
    return folder.resolve().parent == datasets_root().resolve()


def trash_root() -> Path:
    """Return where deleted datasets wait: one folder each, with the dataset and its revisions in it."""
    return datasets_root() / TRASH


def exports_root() -> Path:
    """Return where datasets are written in other formats, for other programs."""
    return datasets_root() / EXPORTS


def work_of(folder: Path) -> Path:
    """Return where the next revisions of the dataset in `folder` are built."""
    return _parent_of(folder) / WORK


def revisions_of(folder: Path) -> Path:
    """Return where the earlier revisions of the dataset in `folder` are kept."""
    return _parent_of(folder) / REVISIONS / _resolve_link(folder).name


def link_problem(folder: Path) -> str:
    """Return why a link among the datasets cannot be used, and what to do; empty if it can, or is not a link."""
    if not folder.is_symlink():
        return ""
    real = folder.resolve()
    if real.parent.name == "snapshots" and real.parent.parent.name.startswith(_CACHE_PREFIX):
        return (
            f"{folder} is a link into the cache of the Hugging Face Hub, which other programs share: replace it with a "
            f"copy (rm {folder} && cp -rL {real} {folder})"
        )
    home = datasets_root().resolve().parent
    if real.is_relative_to(home) or home.is_relative_to(real):
        return f"{folder} is a link to {real}, which is itself in {home}: copy that folder instead of linking it"
    return ""


def revision_problem(folder: Path) -> str:
    """Return why the dataset in `folder` is readable but cannot get a new revision, and what to do; empty if it can."""
    if problem := link_problem(folder):
        return problem
    real, work, is_link = _resolve_link(folder), work_of(folder), folder.is_symlink()
    try:
        if not real.exists():
            missing = f"{folder} is a link to {real}, which does not exist: mount its disk, or restore the folder"
            return missing if is_link else ""
        if real.stat().st_dev != real.parent.stat().st_dev:
            return f"{real} is the root of a disk: put the dataset into a folder on that disk, and link that folder"
        if is_link:
            work.mkdir(exist_ok=True)
    except OSError as error:
        return (
            f"{work} cannot be created ({error.strerror}): new states are built beside a dataset; check its permissions"
        )
    if is_link and not (os.access(work, os.W_OK | os.X_OK) and os.access(real.parent, os.W_OK | os.X_OK)):
        return f"{real.parent} is not writable: new states of the dataset are built there. Check its permissions"
    return ""


def _parent_of(folder: Path) -> Path:
    return _resolve_link(folder).parent if folder.is_symlink() else folder.parent


def _resolve_link(folder: Path) -> Path:
    return folder.resolve() if folder.is_symlink() else folder
