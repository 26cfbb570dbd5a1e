"""Allow one process per rig, with a lock file in the spool that names its holder.

The system releases the lock when that process ends.
"""

from __future__ import annotations

import os
from pathlib import Path

from robotdata.capture import clock
from robotdata.files.lock import holder_name, open_lock, read_holder, try_lock, write_holder


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
            holder = holder_name(read_holder(self._fd))
            os.close(self._fd)
            raise RigInUse(rig, holder)
        write_holder(self._fd, since=clock.iso_now())

    def release(self) -> None:
        """Release the lock; do nothing if that was done."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
