"""Lock a device for one process: the lock lies on the device itself, and dies with its holder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from robotdata.capture import clock
from robotdata.capture.errors import DeviceError
from robotdata.files.lock import try_lock


class DeviceLock:
    """Locks the device at `path` for this process, through every reconnection, until the process ends."""

    def __init__(self, path: str, name: str) -> None:
        self._path, self._name = Path(path), name
        self._fd = -1

    def acquire(self) -> None:
        """Raises DeviceError where another process has it. A device that is not there is nobody's."""
        try:
            there = self._path.stat()
            if self._fd >= 0 and os.path.samestat(there, os.fstat(self._fd)):
                return
            self._release()  # of one that was unplugged
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return  # whoever opens it says why it cannot be
        try:
            locked = try_lock(fd)
        except OSError:
            locked = False
        if not locked:
            os.close(fd)
            raise DeviceError(
                f"{self._name} is in use by {_holder(there)}; stop that process, or use another url for this camera"
            )
        self._fd = fd

    def _release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _holder(device: os.stat_result) -> str:
    """Who has locked it, and since when that process runs, as far as the system tells."""
    place = f"{os.major(device.st_dev):02x}:{os.minor(device.st_dev):02x}:{device.st_ino}"
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5] == place and int(words[4]) > 0:
                since = Path(f"/proc/{words[4]}").stat().st_ctime_ns
                return f"pid {words[4]} since {clock.iso(since)}"
    return "another process"
