"""Write an output whole or not at all: under another name, synced, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.files.errors import OutputExists
from robotdata.files.sync import sync_path

_LONGEST_NAME_BYTES = 200


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a `.part` path beside `path`; rename it to `path` when the block ends well, remove it when not.

    Raises OutputExists where `path` exists and `overwrite` is false: before anything is written, or at the end where
    it appeared meanwhile. Raises OSError where nothing may be written.
    """
    path = path.absolute()  # FFmpeg takes what stands before a colon for a protocol, unless a slash comes first
    if path.is_dir():
        raise OutputExists(f"{path} is a folder; name a file")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise OutputExists(f"{path} exists; remove it or ask for overwrite=True")
    path.parent.mkdir(parents=True, exist_ok=True)
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST_NAME_BYTES])
    part = path.with_name(f".{name}.{secrets.token_hex(4)}.part")
    try:
        part.touch(exist_ok=False)  # a folder without write permission fails before hours of work
        yield part
        sync_path(part)
        if overwrite:
            part.replace(path)
        else:
            _take_name(part, path)
        sync_path(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _take_name(part: Path, path: Path) -> None:
    """Give the file its name unless another process took that since the check."""
    try:
        path.hardlink_to(part)
    except FileExistsError as error:
        raise OutputExists(f"{path} was written by another meanwhile; it was left as it is") from error
    except OSError:  # no hard links on this file system
        if path.exists():
            raise OutputExists(f"{path} was written by another meanwhile; it was left as it is") from None
        part.replace(path)
