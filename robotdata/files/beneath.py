"""Open a regular file without following a symbolic link that was inserted into its path after a check.

On Linux, one call of `openat2` resolves the path. On other systems, and in sandboxes that forbid this call, each folder
of the path is opened separately with O_NOFOLLOW.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import stat
import sys
from pathlib import Path, PurePosixPath
from typing import BinaryIO

_OPENAT2 = 437  # system call number; the same on every architecture but Alpha
_NO_LINKS = 0x04 | 0x08  # RESOLVE_NO_SYMLINKS (which includes magic links) | RESOLVE_BENEATH
_COMMON = os.O_CLOEXEC | os.O_NONBLOCK  # without O_NONBLOCK, opening a named pipe waits for its writer
_READ = os.O_RDONLY | _COMMON
_WRITE = os.O_RDWR | _COMMON
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_ABSENT = {errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP, errno.E2BIG}
"""Errors of `openat2` where the system or a sandbox does not support it."""


class UnsafeFile(OSError):
    """The path contains a symbolic link, leaves its folder, or names something other than a regular file."""


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def open_beneath(root: Path, relative: str, *, also: Path | None = None) -> int:
    """Open `root / relative` for reading and return its descriptor, which the caller closes.

    No link below `root` is followed; `root` itself may be one. With `also`, links are followed if they lead to a file
    in `root` or in `also`, for example the blobs of a cache; both must be real paths. Raises UnsafeFile for a link, a
    path outside `root`, or something other than a regular file, and OSError otherwise.
    """
    try:
        return _open(root, PurePosixPath(relative))
    except UnsafeFile as error:
        if also is None or error.errno != errno.ELOOP:
            raise
    real = Path(os.path.realpath(root / relative))
    if not (real.is_relative_to(root) or real.is_relative_to(also)):
        raise UnsafeFile(errno.ELOOP, "it is a link that leads out of its folder", str(root / relative))
    return open_real(real)


def open_own(path: Path, *, write: bool = False) -> BinaryIO:
    """Open a file as `path.open("rb")` does, or with `write` as `path.open("r+b")` does.

    Use it for files in folders of robotdata. A link in place of the file is not followed. Raises as `open_beneath`.
    """
    name = PurePosixPath(path.name)
    if write:
        return os.fdopen(_open(path.parent, name, _WRITE), "r+b")
    return os.fdopen(_open(path.parent, name), "rb")


def create_if_missing(path: Path) -> None:
    """Create an empty file if there is none. A dangling link is left as it is; opening the file then fails."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))


def open_real(path: Path) -> int:
    """Open a resolved path (`Path.resolve`) for reading and return its descriptor, which the caller closes.

    A link that is now in the path was inserted later and is refused. Raises as `open_beneath`.
    """
    return _open(Path(path.anchor), PurePosixPath(*path.parts[1:]))


def _open(root: Path, relative: PurePosixPath, flags: int = _READ) -> int:
    """Open `relative` below `root` without following links, and check that it is a regular file."""
    path = str(root / relative)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise UnsafeFile(errno.EXDEV, "it is outside its folder", path)
    folder = os.open(root, _FOLDER)
    try:
        fd = _open_at(folder, relative, flags)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EXDEV, errno.EMLINK}:  # BSD reports a link as EMLINK
            raise UnsafeFile(errno.ELOOP, "it is a link, which is not followed", path) from None
        raise type(error)(error.errno, os.strerror(error.errno or 0), path) from None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise UnsafeFile(errno.EINVAL, "it is not a regular file", path)
    return fd


def _open_at(folder: int, relative: PurePosixPath, flags: int) -> int:
    """Open with `openat2` if it is available, and folder by folder otherwise."""
    call = _openat2()
    if call is not None:
        try:
            return call(folder, os.fsencode(str(relative)), flags)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
    return _walk(folder, relative, flags)


def _walk(folder: int, relative: PurePosixPath, flags: int = _READ) -> int:
    """Open folder by folder. Raises OSError (ELOOP or ENOTDIR) at a link."""
    with contextlib.ExitStack() as stack:
        current = folder
        for name in relative.parts[:-1]:
            try:
                current = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=current)
            except NotADirectoryError:
                if stat.S_ISLNK(os.stat(name, dir_fd=current, follow_symlinks=False).st_mode):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
                raise
            stack.callback(os.close, current)
        return os.open(relative.name, flags | os.O_NOFOLLOW, dir_fd=current)


class _Openat2:
    """The system call openat2(2), which the C library does not wrap."""

    def __init__(self) -> None:
        self._call = ctypes.CDLL(None, use_errno=True).syscall

    def __call__(self, folder: int, name: bytes, flags: int = _READ) -> int:
        how = _OpenHow(flags, 0, _NO_LINKS)
        fd = self._call(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(folder),
            ctypes.c_char_p(name),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(fd)


@functools.cache
def _openat2() -> _Openat2 | None:
    """Return the call on Linux, None elsewhere."""
    return _Openat2() if sys.platform.startswith("linux") else None
