"""Copy folders with hard links, and remove folders."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from robotdata.files.new_file import write_new_bytes
from robotdata.files.sync import sync_path

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES}


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a durable copy if the file system does not support the link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, target)
        sync_path(target)


def link_tree(source: Path, target: Path, leave_out: Collection[str] = ()) -> None:
    """Create the folder `target` with hard links to the files of `source`, except the relative paths in `leave_out`.

    Symbolic links stay symbolic links.
    """
    target.mkdir(parents=True)
    for folder, names, files in os.walk(source):
        parent = Path(folder)
        relative = parent.relative_to(source)
        for name in [*names, *files]:
            relative_path = relative / name
            if relative_path.as_posix() in leave_out:
                continue
            if (parent / name).is_symlink():
                (target / relative_path).symlink_to((parent / name).readlink())
            elif name in names:
                (target / relative_path).mkdir(exist_ok=True)
            elif (parent / name).is_file():
                link_or_copy(parent / name, target / relative_path)


def unlink_from_others(folder: Path) -> None:
    """Replace every file below `folder` by a copy without hard links.

    LeRobot overwrites small files in place, which would change the other links.
    """
    for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
        data = path.read_bytes()
        path.unlink()
        write_new_bytes(path, data)


def own_copy(path: Path) -> None:
    """Replace a hard link to a file by a durable copy of the file with the same times, so that no other link sees it.

    A file with one name is left alone.
    """
    if path.is_symlink() or path.stat().st_nlink < 2:
        return
    copy = path.with_name(f".{path.name}.copy")
    shutil.copy2(path, copy)
    sync_path(copy)
    copy.rename(path)


def remove_tree(folder: Path) -> None:
    """Remove a folder and its content. A folder that does not exist is not an error."""
    if folder.exists():
        shutil.rmtree(folder)
