"""Lock files: one holder at a time, named in the file. The system releases the lock when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from robotdata.files.errors import FileLocked

_POLL_S = 0.01


def lock_file(path: Path, *, wait_s: float = 0.0) -> int:
    """Lock `path` for this process, write the process into it, and return a descriptor; closing that releases it.

    Makes the file where it is missing. Raises FileLocked, naming the holder, where it is not free within `wait_s`
    seconds.
    """
    fd = open_lock(path)
    end = time.monotonic() + wait_s
    try:
        while not try_lock(fd):
            if time.monotonic() >= end:
                raise FileLocked(os.pread(fd, 64, 0).decode("ascii", "replace").strip() or "another process")
            time.sleep(_POLL_S)
        with contextlib.suppress(OSError):  # a full disk: the lock itself counts, not the name in it
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"pid {os.getpid()}".encode(), 0)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_lock(path: Path) -> int:
    """Open a lock file for reading and writing, or make it; remove a link or an empty folder in its place."""
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
    """Lock an open file without waiting; return False where another process holds it. Raises OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
