"""Open a regular file without following a link that was put into its path since the path was checked.

Linux does the whole walk in one call, `openat2`. Elsewhere, and where a sandbox forbids that call, each folder on
the way is opened by itself with O_NOFOLLOW.
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

_OPENAT2 = 437  # the same number on every architecture but Alpha
_NO_LINKS = 0x04 | 0x08  # RESOLVE_NO_SYMLINKS (magic links among them) and RESOLVE_BENEATH
_COMMON = os.O_CLOEXEC | os.O_NONBLOCK  # without the last, opening a named pipe waits for its writer
_READ = os.O_RDONLY | _COMMON
_WRITE = os.O_RDWR | _COMMON
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_ABSENT = {errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP, errno.E2BIG}


class UnsafeFile(OSError):
    """The path leads over a link, out of its folder, or to something that is no regular file."""


class _How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def open_beneath(root: Path, relative: str, *, also: Path | None = None) -> int:
    """Open `root / relative` for reading and return its descriptor, which the caller closes.

    No link below `root` is followed; `root` itself may be one. With `also`, links are followed as long as the file
    that they lead to lies in `root` or in `also` (the blobs of a cache), and both are real paths.
    Raises UnsafeFile for links and for what is no regular file, other OSErrors as they come.
    """
    try:
        return _open(root, PurePosixPath(relative))
    except UnsafeFile as error:
        if also is None or error.errno != errno.ELOOP:
            raise
    real = Path(os.path.realpath(root / relative))
    if not (real.is_relative_to(root) or real.is_relative_to(also)):
        raise UnsafeFile(errno.ELOOP, "it is a link that points elsewhere", str(root / relative))
    return open_real(real)


def open_own(path: Path, *, write: bool = False) -> BinaryIO:
    """Open a file of a folder of ours, as `path.open("rb")` does, or with `write` as `path.open("r+b")` does.

    The file must lie in the folder itself: no link in its place is followed. Raises as `open_beneath`.
    """
    name = PurePosixPath(path.name)
    if write:
        return os.fdopen(_open(path.parent, name, _WRITE), "r+b")
    return os.fdopen(_open(path.parent, name), "rb")


def make_sure_of(path: Path) -> None:
    """Make an empty file where there is none; a link that leads nowhere is left as it is, and refused when opened."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))


def open_real(path: Path) -> int:
    """Open a path whose links were followed before (`Path.resolve`); a link that is in it now is refused.

    Returns a descriptor for reading, which the caller closes. Raises as `open_beneath`.
    """
    return _open(Path(path.anchor), PurePosixPath(*path.parts[1:]))


def _open(root: Path, relative: PurePosixPath, flags: int = _READ) -> int:
    path = str(root / relative)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise UnsafeFile(errno.EXDEV, "it is outside its folder", path)
    folder = os.open(root, _FOLDER)
    try:
        fd = _open_at(folder, relative, flags)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EXDEV, errno.EMLINK}:  # the last: BSD's word for a link
            raise UnsafeFile(errno.ELOOP, "it is a link, which is not followed", path) from None
        raise type(error)(error.errno, os.strerror(error.errno or 0), path) from None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise UnsafeFile(errno.EINVAL, "it is not a regular file", path)
    return fd


def _open_at(folder: int, relative: PurePosixPath, flags: int) -> int:
    call = _openat2()
    if call is not None:
        try:
            return call(folder, os.fsencode(str(relative)), flags)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
    return _walk(folder, relative, flags)


def _walk(folder: int, relative: PurePosixPath, flags: int = _READ) -> int:
    """Open folder by folder; raises OSError (ELOOP or ENOTDIR) at a link."""
    with contextlib.ExitStack() as stack:
        at = folder
        for name in relative.parts[:-1]:
            try:
                at = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            except NotADirectoryError:
                if stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
                raise
            stack.callback(os.close, at)
        return os.open(relative.name, flags | os.O_NOFOLLOW, dir_fd=at)


class _Openat2:
    def __init__(self) -> None:
        self._call = ctypes.CDLL(None, use_errno=True).syscall

    def __call__(self, folder: int, name: bytes, flags: int = _READ) -> int:
        how = _How(flags, 0, _NO_LINKS)
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
    return _Openat2() if sys.platform.startswith("linux") else None
