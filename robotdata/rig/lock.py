"""Allow one process per rig, with a lock file in the spool that names its holder.

The system releases the lock when that process ends.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from robotdata.capture import clock
from robotdata.files.lock import holder_name, open_lock, read_holder, try_lock, write_holder

log = logging.getLogger(__name__)
_POLL_S = 0.05


class RigInUse(RuntimeError):
    """Another process runs this rig."""

    def __init__(self, rig: str, holder: str) -> None:
        super().__init__(f"rig {rig!r} is in use by {holder}; stop that process, or give this rig another name")


class RigLock:
    """The lock of the rig `rig`, held until `release` or the process's end.

    Raises RigInUse if another process still holds it after `wait_s` seconds.
    """

    def __init__(self, spool: Path, rig: str, *, wait_s: float = 0.0) -> None:
        spool.mkdir(parents=True, exist_ok=True)
        self._fd = open_lock(spool / f".rig-{rig}.lock")
        end, waits = clock.monotonic() + wait_s, False
        while not try_lock(self._fd):
            holder = holder_name(read_holder(self._fd))
            if clock.monotonic() >= end:
                os.close(self._fd)
                raise RigInUse(rig, holder)
            if not waits:
                log.info("rig %s is in use by %s; waiting up to %g s for its end", rig, holder, wait_s)
            waits = True
            clock.pause(_POLL_S)
        write_holder(self._fd, since=clock.iso_now())

    def release(self) -> None:
        """Release the lock; do nothing if that was done."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
