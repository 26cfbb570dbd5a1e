"""Copy folders by hard links, and remove them."""

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
    """Give `target` the bytes of `source`: a hard link where the file system allows it, else a durable copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, target)
        sync_path(target)


def link_tree(source: Path, target: Path, leave_out: Collection[str] = ()) -> None:
    """Make `target`, a new folder, with the files of `source` hard-linked; leave out relative paths in `leave_out`.

    Symlinks stay symlinks.
    """
    target.mkdir(parents=True)
    for folder, names, files in os.walk(source):
        here = Path(folder)
        relative = here.relative_to(source)
        for name in [*names, *files]:
            place = relative / name
            if place.as_posix() in leave_out:
                continue
            if (here / name).is_symlink():
                (target / place).symlink_to((here / name).readlink())
            elif name in names:
                (target / place).mkdir(exist_ok=True)
            elif (here / name).is_file():
                link_or_copy(here / name, target / place)


def unlink_from_others(folder: Path) -> None:
    """Give every file below `folder` bytes of its own: LeRobot writes into small files in place."""
    for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
        data = path.read_bytes()
        path.unlink()
        write_new_bytes(path, data)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it; one that does not exist is no error."""
    if folder.exists():
        shutil.rmtree(folder)
