"""Move a complete dataset among the others, under a name that is free."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from robotdata.dataset.exchange.errors import TransferError
from robotdata.files.lock import lock_file
from robotdata.files.sync import sync_folders, sync_path

_LOCK = ".landing.lock"
_LOCK_WAIT_S = 10.0
_MAX_NUMBER = 1000
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_LENGTH = 80


def safe_name(name: str) -> str:
    """Return `name` as the name of a dataset's folder, which is part of a URL: `my data` becomes `my-data`."""
    return _UNSAFE.sub("-", name).strip("-._")[:_NAME_LENGTH].rstrip("-._") or "dataset"


def land(tree: Path, datasets: Path, name: str, is_taken: Callable[[str], bool]) -> Path:
    """Move the folder `tree` into `datasets` as `name`, or with a number behind it; return its new path.

    `is_taken` says which names belong to other datasets that have no folder yet. A reader of `datasets` sees all of the
    dataset or nothing, also after a power cut. Raises TransferError if no name is free, and OSError.
    """
    base = safe_name(name)
    sync_folders(tree)
    lock = lock_file(datasets / _LOCK, wait_s=_LOCK_WAIT_S)
    try:
        existing = {path.name.casefold() for path in datasets.iterdir()}
        for number in range(1, _MAX_NUMBER):
            free = base if number == 1 else f"{base}-{number}"
            if free.casefold() not in existing and not is_taken(free):
                tree.rename(datasets / free)
                sync_path(datasets)
                sync_path(tree.parent)
                return datasets / free
    finally:
        os.close(lock)
    raise TransferError(f"{_MAX_NUMBER} datasets are called {base!r} already: choose another name")
