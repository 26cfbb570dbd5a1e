"""One process a rig: a lock in the spool that names its holder and dies with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from robotdata.capture import clock
from robotdata.files.lock import open_lock, try_lock


class RigInUse(RuntimeError):
    def __init__(self, rig: str, holder: str) -> None:
        super().__init__(f"rig {rig!r} is in use by {holder}; stop that process, or give this rig another name")


class RigLock:
    """Held from `__init__` to `release` or the process's end; raises RigInUse."""

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
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _holder(data: bytes) -> str:
    try:
        said = json.loads(data)
        return f"pid {said['pid']} since {said['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
