"""Files that are either old or new, and one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from robotdata.capture import clock
from robotdata.spool.errors import NotDurable, TakeBusy

LOCK = ".lock"
RESERVE = ".reserve"
_PIECE = 4 << 20
RESERVE_BYTES = 64 * 1024
"""Given back before the manifest is written, so that a full disk can still say what was kept."""


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def confirm_name(path: Path) -> None:
    """Make the name of a file that has just been renamed durable; raises NotDurable."""
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise NotDurable(path, error) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: temporary file, fsync, rename, fsync of the folder.

    Raises NotDurable where only the last of these failed.
    """
    _replace(path, lambda file: file.write(data))


def copy_rest(source: BinaryIO, begin: int, path: Path) -> None:
    """Replace `path`, as `write_atomic` does, by the bytes of `source` from `begin` on.

    Holes stay holes, and no more than a piece is in memory: after a power cut the rest may be of any length.
    """
    _replace(path, lambda file: _copy(source.fileno(), begin, file))


def _copy(source: int, begin: int, file: BinaryIO) -> None:
    at, end = begin, os.fstat(source).st_size
    while at < end:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # nothing but a hole follows
        piece = os.pread(source, min(_PIECE, end - at), at)
        if not piece:
            break
        file.seek(at - begin)
        file.write(piece)
        at += len(piece)
    file.truncate(end - begin)


def _replace(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)  # a link there would be followed
        with temporary.open("xb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    confirm_name(path)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """`write_atomic` for a JSON object; keys keep their order."""
    write_atomic(path, as_json(value))


def as_json(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def reserve(folder: Path) -> None:
    """Keep a little room for the manifest of a take that fills the disk."""
    with (folder / RESERVE).open("wb") as file:
        file.write(bytes(RESERVE_BYTES))


def release_reserve(folder: Path) -> None:
    (folder / RESERVE).unlink(missing_ok=True)


def _open_lock(path: Path) -> int:
    """Open the lock's file, made where it is missing; a link or an empty folder in its place holds nobody back."""
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


class TakeLock:
    """Held by whoever writes to a take; the system lets go of it when the process dies.

    Raises TakeBusy, naming the holder, where it is not free within `wait_s`.
    """

    def __init__(self, folder: Path, *, wait_s: float = 0.0) -> None:
        self._folder = folder
        self._fd = _open_lock(folder / LOCK)
        end = clock.monotonic() + wait_s
        while not self._try():
            if clock.monotonic() >= end:
                holder = os.pread(self._fd, 64, 0).decode("ascii", "replace").strip() or "another process"
                os.close(self._fd)
                raise TakeBusy(folder, holder)
            clock.pause(0.01)
        with contextlib.suppress(OSError):  # a full disk: the lock itself counts, not the name in it
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"pid {os.getpid()}".encode(), 0)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> TakeLock:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()
