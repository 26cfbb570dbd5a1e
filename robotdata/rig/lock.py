"""Allow one process per rig, with a lock file in the spool that names its holder.

The system releases the lock when that process ends.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from robotdata.capture import clock
from robotdata.files.lock import open_lock, try_lock


class RigInUse(RuntimeError):
    """Another process runs this rig."""

    def __init__(self, rig: str, holder: str) -> None:
        super().__init__(f"rig {rig!r} is in use by {holder}; stop that process, or give this rig another name")


class RigLock:
    """The lock of the rig `rig`, held until `release` or the process's end. Raises RigInUse if another holds it."""

    def __init__(self, spool: Path, rig: str) -> None:
        spool.mkdir(parents=True, exist_ok=True)
        self._fd = open_lock(spool / f".rig-{rig}.lock")
        if not try_lock(self._fd):
            holder = _holder(os.pread(self._fd, 4096, 0))
            os.close(self._fd)
            raise RigInUse(rig, holder)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"version": 1, "pid": os.getpid(), "since": clock.iso_now()}).encode(), 0)

    def release(self) -> None:
        """Release the lock; do nothing if that was done."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _holder(data: bytes) -> str:
    try:
        lock_info = json.loads(data)
        return f"pid {lock_info['pid']} since {lock_info['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
