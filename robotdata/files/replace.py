"""Replace a file atomically: temporary file, fsync, rename, fsync of the folder.

A reader sees either the old or the new content. Hard links to the old file keep the old content. Each function raises
NotDurable if the new content is in place and only the last fsync failed, and any other OSError if the file is
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
"""Matches the temporary files of processes that were killed while they replaced a file."""
_PIECE_BYTES = 4 << 20


def replace_bytes(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data` atomically."""
    _replace(path, lambda file: file.write(data))


def replace_text(path: Path, text: str) -> None:
    """Replace the content of `path` by `text` as UTF-8 atomically. Lone surrogates are escaped."""
    replace_bytes(path, text.encode("utf-8", "backslashreplace"))


def copy_rest(source: BinaryIO, begin: int, path: Path) -> None:
    """Replace the content of `path` atomically by the bytes of `source` from offset `begin` to its end.

    Holes of a sparse file stay holes, and at most 4 MiB are in memory, because after a power cut the rest may have any
    length.
    """
    _replace(path, lambda file: _copy(source.fileno(), begin, file))


def temporary_path(path: Path) -> Path:
    """Return the path beside `path` to which this process writes the new content."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def leftovers(path: Path) -> list[Path]:
    """Return the temporary files of `path` that killed processes have left. Nothing reads them."""
    patterns = (f".{path.name}.*.tmp", f".{path.name}.part")  # earlier versions used the second pattern
    return [leftover for pattern in patterns for leftover in path.parent.glob(pattern)]


def _replace(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Write a temporary file with `fill`, sync it, and rename it to `path`."""
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
    """Create a file. A leftover or a link of the same name is removed and never written to."""
    try:
        return path.open("xb")
    except FileExistsError:
        path.unlink()
        return path.open("xb")


def _copy(source: int, begin: int, file: BinaryIO) -> None:
    """Copy the data of `source` from `begin` on, and skip its holes."""
    position, end = begin, os.fstat(source).st_size
    while position < end:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # only a hole follows
        piece = os.pread(source, min(_PIECE_BYTES, end - position), position)
        if not piece:
            break
        file.seek(position - begin)
        file.write(piece)
        position += len(piece)
    file.truncate(end - begin)
