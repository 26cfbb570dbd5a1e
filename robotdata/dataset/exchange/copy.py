"""Copy a dataset's folder by content: links to its own files, as in the Hub's cache, become files."""

from __future__ import annotations

import os
from pathlib import Path

from robotdata.dataset.exchange.errors import BadSource
from robotdata.dataset.exchange.unpack import check_space
from robotdata.dataset.exchange.watcher import PIECE_BYTES, Watcher
from robotdata.dataset.layout import cached_blobs
from robotdata.files import UnsafeFile, open_beneath

_LEFT_OUT = {".git", ".cache"}
"""Folders of other programs: history, and what the Hub's client notes about a download."""
MAX_FILES = 200_000


def copy_dataset(source: Path, target: Path, watcher: Watcher) -> None:
    """Copy the files of `source` into the new folder `target`; each is durable and keeps its modification time.

    Raises BadSource for a link that leads out of the folder, TransferError if the disk has no room, Cancelled, and
    OSError. `target` is then incomplete.
    """
    root = source.resolve()
    blobs = cached_blobs(root)
    names = list_files(root)
    total = sum(_size_of(root / name) for name in names)
    check_space(target.parent, total)
    watcher.begin(total)
    target.mkdir()
    for name in names:
        try:
            _copy_file(root, name, target / name, blobs, watcher)
        except UnsafeFile as error:
            raise BadSource(
                f"{root / name} cannot be copied: {error.strerror}. Replace it with the file itself (cp -L)"
            ) from error


def list_files(root: Path) -> list[str]:
    """Return the relative paths of the files and links below `root`, sorted; links to folders are refused (BadSource).

    Hidden folders of other programs are left out.
    """
    names: list[str] = []
    for folder, folders, files in os.walk(root, onerror=_raise):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in folders:
            if (Path(folder) / name).is_symlink():
                raise BadSource(
                    f"{Path(folder) / name} is a link to a folder, which is not followed: replace it with the folder"
                )
        names += [(Path(folder) / name).relative_to(root).as_posix() for name in files]
        if len(names) > MAX_FILES:
            raise BadSource(f"{root} holds more than {MAX_FILES:,} files: more than a dataset of v3.0 has")
    return sorted(names)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        raise BadSource(f"{path} is a link to a file that does not exist: download the dataset completely") from None


def _raise(error: OSError) -> None:
    raise error


def _copy_file(root: Path, name: str, target: Path, blobs: Path | None, watcher: Watcher) -> None:
    watcher.check()
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(open_beneath(root, name, also=blobs or root), "rb") as source, target.open("xb") as file:
        state = os.fstat(source.fileno())
        while piece := source.read(PIECE_BYTES):
            file.write(piece)
            watcher.add(len(piece))
        file.flush()
        os.utime(file.fileno(), ns=(state.st_atime_ns, state.st_mtime_ns))
        os.fsync(file.fileno())
