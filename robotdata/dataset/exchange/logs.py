"""Uploaded files of other recorders: kept as they are, or unpacked, until an import has read them."""

from __future__ import annotations

import re
from pathlib import Path

from robotdata.dataset.exchange.unpack import unpack
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.files.sync import sync_folders, sync_path
from robotdata.files.trees import link_or_copy

_READ_PACKED = ".zarr.zip"
_ODD = re.compile(r"[^\w.+-]+")
_MAX_NAME = 150


def receive_files(upload: Path, name: str, target: Path, work: Path, watcher: Watcher) -> None:
    """Make the folder `target` of `upload`, a file that is called `name`: it is unpacked if it is a zip.

    A packed zarr stays packed, because it is read so. `work` is where the folder is made, and must not exist; `upload`
    stays. If an earlier, killed run has made `target`, nothing is done. Raises as `unpack` does.
    """
    if target.is_dir():
        return
    plain = name.replace("\\", "/").rpartition("/")[2]
    if plain.lower().endswith(".zip") and not plain.lower().endswith(_READ_PACKED):
        unpack(upload, work, watcher)
    else:
        watcher.begin(upload.stat().st_size)
        work.mkdir()
        file = work / (_ODD.sub("-", plain).lstrip(".-")[-_MAX_NAME:] or "file")
        link_or_copy(upload, file)
        sync_path(file)
        watcher.add(watcher.total)
    sync_folders(work)
    work.rename(target)
    sync_path(target.parent)
