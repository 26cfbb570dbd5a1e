"""Unpack a foreign zip file into a new folder."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from pathlib import Path

from robotdata.dataset.errors import UnsafePath
from robotdata.dataset.exchange.errors import BadZip, TransferError
from robotdata.dataset.exchange.watcher import PIECE_BYTES, Watcher
from robotdata.dataset.exchange.zip_directory import ZipLimits, check_end, read_directory
from robotdata.dataset.layout import contained

RESERVE_BYTES = 1 << 30
"""Space that stays free on the disk: a rig may record meanwhile."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError)


def unpack(path: Path, target: Path, watcher: Watcher, limits: ZipLimits | None = None) -> None:
    """Unpack the zip file `path` into the new folder `target`; each file is durable, and its CRC is right.

    Raises BadZip, TransferError if the disk has no room, Cancelled, and OSError. `target` is then incomplete.
    """
    limits = limits or ZipLimits()
    try:
        check_end(path, limits)
        with zipfile.ZipFile(path) as archive:
            files = read_directory(archive, path.stat().st_size, limits)
            if not files:
                raise BadZip("it is empty")
            total = sum(info.file_size for info in files)
            check_space(target.parent, total)
            watcher.begin(total)
            target.mkdir()
            for info in files:
                _unpack_file(archive, info, _path_in(target, info.filename), watcher)
    except _BROKEN as error:
        raise BadZip(f"it is damaged ({error}): copy or download it again") from error


def check_space(folder: Path, needed: int, *, promised: int = 0) -> None:
    """Raise TransferError if the disk of `folder` has no room for `needed` bytes beside the `promised` ones."""
    free = shutil.disk_usage(folder).free
    if needed + promised + RESERVE_BYTES > free:
        others = f"{promised:,} are for other datasets on their way, and " if promised else ""
        raise TransferError(
            f"{needed:,} bytes are needed on the disk, and {free:,} are free, of which {others}{RESERVE_BYTES:,} stay "
            f"free for recording. Free some space, or choose a smaller part{', or cancel another' if promised else ''}"
        )


def _path_in(target: Path, name: str) -> Path:
    """Return the real path of an entry. The names were checked before; this looks at what is on the disk, too."""
    try:
        return contained(target, name)
    except UnsafePath as error:
        raise BadZip(f"its entry {name[:100]!r} leads out of the folder. Pack the dataset again") from error


def _unpack_file(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, watcher: Watcher) -> None:
    watcher.check()
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with archive.open(info) as source, path.open("xb") as file:
        while piece := source.read(PIECE_BYTES):
            count += len(piece)
            file.write(piece)
            watcher.add(len(piece))
        file.flush()
        os.fsync(file.fileno())
    if count != info.file_size:
        raise BadZip(f"{info.filename[:100]!r} has {count:,} of {info.file_size:,} bytes: copy or download it again")
