"""One writer at a time: a lock file beside the dataset, let go by the system when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.dataset.errors import DatasetBusy

_POLL_S = 0.02
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
    handle = os.open(lock_path(root), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    end = time.monotonic() + wait_s
    try:
        while not _try(handle):
            if time.monotonic() >= end:
                holder = os.pread(handle, 64, 0).decode("ascii", "replace").strip()
                raise DatasetBusy(root, f"process {holder}" if holder else "another process")
            time.sleep(_POLL_S)
        with contextlib.suppress(OSError):  # a full disk: the lock itself counts, not the name in it
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
