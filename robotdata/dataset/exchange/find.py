"""Find the datasets in a folder: itself, folders of datasets, LeRobot homes (`<user>/<name>`) and the Hub's cache."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robotdata.dataset.errors import DamagedFile, NotADataset, OldVersion, UnsafePath
from robotdata.dataset.exchange.errors import BadSource
from robotdata.dataset.layout import INFO, INFO_V1
from robotdata.dataset.reader import read_info

MAX_FOLDERS = 2000
"""Folders that are looked into; a home directory may have more."""
MAX_DATASETS = 500
_CACHED = re.compile(r"datasets--(?P<user>.+?)--(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class FoundDataset:
    """A folder with `info.json`. `name`: what it is called there. `problem`: why it is not a v3.0 dataset."""

    path: Path
    name: str
    problem: str = ""


def find_datasets(folder: Path) -> list[FoundDataset]:
    """Return the datasets in `folder`: itself, or those in its folders, or those one deeper.

    Links to folders are not followed. Raises BadSource if the folder cannot be read, or holds too many.
    """
    try:
        found = [_found(*pair) for pair in _roots(folder)]
    except OSError as error:
        raise BadSource(
            f"{error.filename or folder} cannot be read ({error.strerror}); check its permissions"
        ) from error
    if len(found) > MAX_DATASETS:
        raise BadSource(f"{folder} holds more than {MAX_DATASETS} datasets: choose a folder in it")
    return found


def _roots(folder: Path) -> list[tuple[Path, str]]:
    """Return the path and the name of each dataset in `folder`."""
    if has_info(folder):
        return [(folder, _name_of(folder))]
    if _CACHED.fullmatch(folder.name):
        return _cached(folder)
    roots: list[tuple[Path, str]] = []
    looked = 0
    for child in _subfolders(folder):
        looked += 1
        if has_info(child):
            roots.append((child, child.name))
        elif _CACHED.fullmatch(child.name):
            roots += _cached(child)
        else:
            with contextlib.suppress(PermissionError):  # somebody else's folder, which only lies beside the datasets
                for grandchild in _subfolders(child):
                    looked += 1
                    if has_info(grandchild):
                        roots.append((grandchild, grandchild.name))
        if looked > MAX_FOLDERS:
            raise BadSource(f"{folder} holds more than {MAX_FOLDERS} folders: choose the one with the datasets")
    return roots


def has_info(folder: Path) -> bool:
    """Return whether the folder has an `info.json`, also one that is a link: it is a dataset, or was one."""
    return any((folder / info).is_file() or (folder / info).is_symlink() for info in (INFO, INFO_V1))


def _subfolders(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    for name in names:
        if not name.startswith("."):
            yield folder / name


def _cached(repository: Path) -> list[tuple[Path, str]]:
    """Return the newest snapshot of a repository in the Hub's cache: that of `refs/main`, or the one changed last."""
    snapshots = repository / "snapshots"
    if not snapshots.is_dir():
        return []
    complete = [path for path in _subfolders(snapshots) if has_info(path)]
    main = repository / "refs/main"
    current = main.read_text("utf-8", "replace").strip() if main.is_file() else ""
    newest = max(complete, key=lambda path: (path.name == current, path.stat().st_mtime_ns), default=None)
    return [(newest, _name_of(newest))] if newest is not None else []


def _name_of(folder: Path) -> str:
    """Return the folder's name; for a snapshot in the Hub's cache, that of its repository."""
    match = _CACHED.fullmatch(folder.parent.parent.name) if folder.parent.name == "snapshots" else None
    return match["name"] if match else folder.name


def _found(path: Path, name: str) -> FoundDataset:
    try:
        read_info(path)
    except OldVersion as error:
        return FoundDataset(path, name, f"it has version {error.version}; robotdata opens v3.0")
    except (NotADataset, DamagedFile, UnsafePath) as error:
        return FoundDataset(path, name, str(error).replace(f"{path} is not a LeRobotDataset v3.0: ", ""))
    return FoundDataset(path, name)
