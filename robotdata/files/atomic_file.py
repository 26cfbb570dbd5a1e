"""Write an output file completely or not at all: under a temporary name, synced, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.files.errors import OutputExists
from robotdata.files.sync import sync_path

_MAX_NAME_BYTES = 200


@contextmanager
def atomic_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside `path`. Rename it to `path` if the block succeeds, and delete it otherwise.

    Raises OutputExists if `path` exists and `overwrite` is False: at the beginning, or at the end if another process
    created it meanwhile. Raises OSError if the folder is not writable.
    """
    path = path.absolute()  # FFmpeg reads `name:` at the start of a path as a protocol, unless a slash precedes it
    if path.is_dir():
        raise OutputExists(f"{path} is a folder; name a file")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise OutputExists(f"{path} exists; remove it or pass overwrite=True")
    path.parent.mkdir(parents=True, exist_ok=True)
    name = os.fsdecode(os.fsencode(path.name)[:_MAX_NAME_BYTES])
    part = path.with_name(f".{name}.{secrets.token_hex(4)}.part")
    try:
        part.touch(exist_ok=False)  # fail now if the folder is not writable, not after hours of work
        yield part
        sync_path(part)
        if overwrite:
            part.replace(path)
        else:
            _rename_new(part, path)
        sync_path(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _rename_new(part: Path, path: Path) -> None:
    """Rename `part` to `path` unless another process has created `path` since the check."""
    try:
        path.hardlink_to(part)
    except FileExistsError as error:
        raise OutputExists(f"{path} was created by another process meanwhile and was not changed") from error
    except OSError:  # no hard links on this file system
        if path.exists():
            raise OutputExists(f"{path} was created by another process meanwhile and was not changed") from None
        part.replace(path)
