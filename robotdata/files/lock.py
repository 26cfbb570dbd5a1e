"""Lock files. One process at a time holds the lock, and the file names it.

The system releases the lock when the process ends.
"""

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
    """Lock `path` for this process, write its process id into the file, and return a descriptor. Close it to release.

    The file is created if it is missing. Raises FileLocked, which names the holder, if the lock is not free within
    `wait_s` seconds.
    """
    fd = open_lock(path)
    end = time.monotonic() + wait_s
    try:
        while not try_lock(fd):
            if time.monotonic() >= end:
                raise FileLocked(os.pread(fd, 64, 0).decode("ascii", "replace").strip() or "another process")
            time.sleep(_POLL_S)
        with contextlib.suppress(OSError):  # if the disk is full, the lock holds without a name in the file
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"pid {os.getpid()}".encode(), 0)
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
