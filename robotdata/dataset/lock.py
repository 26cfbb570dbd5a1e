"""A lock file beside the dataset, so that one process at a time writes to it.

The system releases the lock when the process ends.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from robotdata.dataset.errors import DatasetBusy
from robotdata.files.errors import FileLocked
from robotdata.files.lock import lock_file

_held = threading.local()


@contextmanager
def dataset_lock(root: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of the dataset in `root`, which need not exist yet. The same thread may take it again inside.

    Raises DatasetBusy, which names the holder, if it is not free within `wait_s` seconds.
    """
    real = root.resolve()
    held_by_thread: set[Path] = _held.__dict__.setdefault("roots", set())
    if real in held_by_thread:
        yield
        return
    handle = _acquire(real, wait_s)
    held_by_thread.add(real)
    try:
        yield
    finally:
        held_by_thread.discard(real)
        os.close(handle)


@contextmanager
def dataset_locks(roots: Iterable[Path], *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the locks of several datasets. They are taken in one order by everybody, so that nobody waits in a circle.

    Raises DatasetBusy, as `dataset_lock` does.
    """
    with ExitStack() as stack:
        for root in sorted({root.resolve() for root in roots}):
            stack.enter_context(dataset_lock(root, wait_s=wait_s))
        yield


def lock_path(root: Path) -> Path:
    """Return the path of the lock file. It is never removed, so that no process locks a deleted file."""
    real = root.resolve()
    return real.with_name(f".{real.name}.lock")


def _acquire(root: Path, wait_s: float) -> int:
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        return lock_file(lock_path(root), wait_s=wait_s)
    except FileLocked as error:
        raise DatasetBusy(root, error.holder) from None
