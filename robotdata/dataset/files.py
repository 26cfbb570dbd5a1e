"""Folders and files that are durable: hard-linked copies, fsync, and the swap of two folders in one step."""

from __future__ import annotations

import ctypes
import errno
import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from robotdata.dataset.errors import NotDurable

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES}
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def sync_file(path: Path) -> None:
    """Make a file's bytes, or a folder's names, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folders(root: Path) -> None:
    """Make the names in `root` and all folders below durable."""
    for folder, _, _ in os.walk(root, topdown=False):
        sync_file(Path(folder))


def write_text(path: Path, text: str) -> None:
    """Write a new file durably; for folders that nobody reads yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(file.fileno())


def replace_text(path: Path, text: str) -> None:
    """`path` with another content, in one step and durable. Other names of the old file (hard links) keep the old.

    Raises NotDurable if it has that content, and only its name could not be made durable.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    write_text(part, text)
    part.replace(path)
    try:
        sync_file(path.parent)
    except OSError as error:
        raise NotDurable(path, error) from error


def write_json(path: Path, value: Any, indent: int | None = 4, *, nan: bool = False) -> None:
    """`write_text` for JSON as LeRobot writes it.

    With `nan`, NaN and infinity are written as Python and LeRobot write and read them, which no standard knows; else
    they raise ValueError.
    """
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=nan))


def link_or_copy(source: Path, target: Path) -> None:
    """`target` with the bytes of `source`: a hard link where the file system lets us, else a durable copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, target)
        sync_file(target)


def link_tree(source: Path, target: Path, leave_out: Collection[str] = ()) -> None:
    """`target`, a new folder, with the files of `source` hard-linked; relative paths in `leave_out` are left out.

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
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours and all in it; one that is gone already is fine."""
    if folder.exists():
        shutil.rmtree(folder)


def exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step; False where this system cannot, with nothing done."""
    call = _exchange_call()
    if call is None:
        return False
    if call(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(first))


@functools.cache
def _exchange_call() -> Callable[[bytes, bytes], int] | None:
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform.startswith("linux") and hasattr(library, "renameat2"):
        return lambda a, b: int(library.renameat2(_AT_FDCWD, a, _AT_FDCWD, b, ctypes.c_uint(_RENAME_EXCHANGE)))
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return lambda a, b: int(library.renamex_np(a, b, ctypes.c_uint(_RENAME_SWAP)))
    return None
