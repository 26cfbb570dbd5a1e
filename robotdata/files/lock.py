"""Lock files. One process at a time holds the lock, and the file names it.

The system releases the lock when the process ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from robotdata.files.errors import FileLocked
from robotdata.files.versions import check_version

VERSION = 1
_POLL_S = 0.01


def lock_file(path: Path, *, wait_s: float = 0.0) -> int:
    """Lock `path` for this process, name it in the file, and return a descriptor. Close it to release.

    The file is created if it is missing. Raises FileLocked, which names the holder, if the lock is not free within
    `wait_s` seconds.
    """
    fd = open_lock(path)
    end = time.monotonic() + wait_s
    try:
        while not try_lock(fd):
            if time.monotonic() >= end:
                raise FileLocked(holder_name(read_holder(fd)))
            time.sleep(_POLL_S)
        with contextlib.suppress(OSError):  # if the disk is full, the lock holds without a name in the file
            write_holder(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_lock(path: Path) -> int:
    """Open or create a lock file for reading and writing. A link or an empty folder in its place is removed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno not in {errno.EISDIR, errno.ELOOP}:
            raise
    if path.is_symlink():
        path.unlink()
    else:
        path.rmdir()
    return os.open(path, flags, 0o644)


def try_lock(fd: int) -> bool:
    """Lock an open file without waiting. Return False if another process holds the lock. Raises OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_holder(fd: int, **more: str) -> None:
    """Write this process's id and `more` into the file that it has locked. Raises OSError."""
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps({"version": VERSION, "pid": os.getpid(), **more}).encode(), 0)


def read_holder(fd: int) -> dict[str, Any]:
    """Return what the holder of a lock wrote: `pid` and more; empty if this program cannot read it.

    A process that was started before the file had a version may still hold the lock; it wrote `pid 4711`.
    """
    data = os.pread(fd, 4096, 0)
    if data.startswith(b"pid ") and data[4:].isdigit():
        return {"pid": int(data[4:])}
    try:
        holder = json.loads(data)
        check_version(holder.get("version"), VERSION, "the lock file")
    except (ValueError, AttributeError, RecursionError):  # any process may write into the file
        return {}
    return dict(holder)


def holder_name(holder: dict[str, Any]) -> str:
    """Return the holder for a message."""
    since = f" since {holder['since']}" if "since" in holder else ""
    return f"pid {holder['pid']}{since}" if "pid" in holder else "another process"
