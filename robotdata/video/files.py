"""Whole files or none: written under another name, flushed, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.video.errors import NotAVideoError, OutputExistsError


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Gives a `.part` path beside `path`; renamed to it when the block ends well, removed when not.

    Raises OutputExistsError, before anything is written, where `path` exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; remove it or ask for overwrite=True")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        _sync(part)
        part.replace(path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def require_video_file(path: Path) -> None:
    """Raises NotAVideoError, saying what is there instead, where `path` cannot be a video."""
    if path.is_dir():
        raise NotAVideoError(f"{path} is a folder, not a video")
    if not path.is_file():
        raise NotAVideoError(f"{path}: there is no such file")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise NotAVideoError(f"{path} is empty; fetch or record it again")
    if head.startswith(b"version https://git-lfs"):
        raise NotAVideoError(f"{path} is a Git LFS pointer, not the video; run `git lfs pull`")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
