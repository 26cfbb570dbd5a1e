"""One writer at a time: a lock file beside the dataset, let go by the system when its holder dies."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.dataset.errors import DatasetBusy
from robotdata.files.errors import FileLocked
from robotdata.files.lock import lock_file

_held = threading.local()


@contextmanager
def dataset_lock(root: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the dataset in `root` (it need not exist yet) for this thread, which may take it again inside.

    Raises DatasetBusy, naming the holder's process, where it is not free within `wait_s` seconds.
    """
    real = root.resolve()
    mine: set[Path] = _held.__dict__.setdefault("roots", set())
    if real in mine:
        yield
        return
    handle = _acquire(real, wait_s)
    mine.add(real)
    try:
        yield
    finally:
        mine.discard(real)
        os.close(handle)


def lock_path(root: Path) -> Path:
    """Return the path of the lock of the dataset in `root`; never removed, so that nobody locks a deleted file."""
    real = root.resolve()
    return real.with_name(f".{real.name}.lock")


def _acquire(root: Path, wait_s: float) -> int:
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        return lock_file(lock_path(root), wait_s=wait_s)
    except FileLocked as error:
        raise DatasetBusy(root, error.holder) from None
