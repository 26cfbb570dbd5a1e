"""Lock the folder of a take for one writer."""

from __future__ import annotations

import os
from pathlib import Path

from robotdata.files.errors import FileLocked
from robotdata.files.lock import lock_file
from robotdata.spool.errors import TakeBusy

LOCK = ".lock"
EDIT_WAIT_S = 2.0
"""For so long a change of one take waits for its lock, behind which no other take waits."""


class TakeLock:
    """The lock of a take, held by the process that writes to it until `release` or that process's end.

    Raises TakeBusy, naming the holder, if the lock is not free within `wait_s`.
    """

    def __init__(self, folder: Path, *, wait_s: float = 0.0) -> None:
        try:
            self._fd = lock_file(folder / LOCK, wait_s=wait_s)
        except FileLocked as error:
            raise TakeBusy(folder, error.holder) from None

    def release(self) -> None:
        """Release the lock; do nothing if that was done."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> TakeLock:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()
