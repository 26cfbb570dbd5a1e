"""Replace a file in one step: temporary file, fsync, rename, fsync of the folder.

Whoever reads the file sees the old content or the new. Hard links to the old file keep the old content. Each function
raises NotDurable where the file has its new content and only the last fsync failed, other OSErrors where the file is
unchanged.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from robotdata.files.sync import confirm_name

TEMPORARY = ".*.tmp"
"""Matches what processes that were killed while they replaced files of a folder have left."""
_PIECE_BYTES = 4 << 20


def replace_bytes(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data`."""
    _replace(path, lambda file: file.write(data))


def replace_text(path: Path, text: str) -> None:
    """Replace the content of `path` by `text` in UTF-8; lone surrogates are escaped."""
    replace_bytes(path, text.encode("utf-8", "backslashreplace"))


def copy_rest(source: BinaryIO, begin: int, path: Path) -> None:
    """Replace the content of `path` by the bytes of `source` from `begin` on.

    Holes stay holes, and at most 4 MiB are in memory: after a power cut the rest may be of any length.
    """
    _replace(path, lambda file: _copy(source.fileno(), begin, file))


def temporary_path(path: Path) -> Path:
    """The name beside `path` under which this process writes the new content."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def leftovers(path: Path) -> list[Path]:
    """List what processes that were killed while they replaced `path` have left beside it: nobody reads these."""
    patterns = (f".{path.name}.*.tmp", f".{path.name}.part")  # the second was used before
    return [left for pattern in patterns for left in path.parent.glob(pattern)]


def _replace(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    temporary = temporary_path(path)
    try:
        with _new(temporary) as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    confirm_name(path)


def _new(path: Path) -> BinaryIO:
    """Open a new file; what a killed process of the same number left, or a link there, is removed, never written to."""
    try:
        return path.open("xb")
    except FileExistsError:
        path.unlink()
        return path.open("xb")


def _copy(source: int, begin: int, file: BinaryIO) -> None:
    at, end = begin, os.fstat(source).st_size
    while at < end:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # nothing but a hole follows
        piece = os.pread(source, min(_PIECE_BYTES, end - at), at)
        if not piece:
            break
        file.seek(at - begin)
        file.write(piece)
        at += len(piece)
    file.truncate(end - begin)
