"""Whole files or none: written under another name, flushed, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.video.errors import MissingVideoError, NotAVideoError, OutputExistsError

_LONGEST = 200
_OF_THE_DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES}


def is_the_disks(number: int | None) -> bool:
    """Return whether the errno `number` is about the disk or permissions, not about the video."""
    return number in _OF_THE_DISK


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Gives a `.part` path beside `path`; renamed to it when the block ends well, removed when not.

    Raises OutputExistsError if `path` exists and `overwrite` is false: before anything is written, or at the end
    where it came meanwhile; OSError if nothing may be written.
    """
    path = path.absolute()  # FFmpeg takes what stands before a colon for a protocol, unless a slash comes first
    if path.is_dir():
        raise OutputExistsError(f"{path} is a folder; name a file")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise OutputExistsError(f"{path} exists; remove it or ask for overwrite=True")
    path.parent.mkdir(parents=True, exist_ok=True)
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST])
    part = path.with_name(f".{name}.{secrets.token_hex(4)}.part")
    try:
        part.touch(exist_ok=False)  # where nothing may be written that is said before hours of work
        yield part
        _sync(part)
        if overwrite:
            part.replace(path)
        else:
            _take_name(part, path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _take_name(part: Path, path: Path) -> None:
    """Give the file its name unless somebody else took that since we looked."""
    try:
        path.hardlink_to(part)
    except FileExistsError as error:
        raise OutputExistsError(f"{path} was written by another process meanwhile and was not replaced") from error
    except OSError:  # no hard links on this file system
        if path.exists():
            raise OutputExistsError(f"{path} was written by another process meanwhile and was not replaced") from None
        part.replace(path)


def require_video_file(path: Path) -> None:
    """Raise NotAVideoError, saying what is there instead, if `path` cannot be a video."""
    if path.is_dir():
        raise NotAVideoError(f"{path} is a folder, not a video")
    if not path.is_file():
        if path.exists():
            raise NotAVideoError(f"{path} is a device, pipe or socket, not a video file")
        raise MissingVideoError(f"{path}: there is no such file")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise NotAVideoError(f"{path} is empty; download or record it again")
    if head.startswith(b"version https://git-lfs"):
        raise NotAVideoError(f"{path} is a Git LFS pointer, not the video; run `git lfs pull`")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
