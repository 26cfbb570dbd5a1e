"""Lock a device file for one process; the system releases the lock when that process ends."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from robotdata.capture import clock
from robotdata.capture.errors import DeviceError
from robotdata.files.lock import try_lock


class DeviceLock:
    """A lock on the device at `path`, kept until `release` or the end of the process.

    Messages call the device `name`, and end with `remedy`.
    """

    def __init__(self, path: str, name: str, remedy: str) -> None:
        self._path, self._name, self._remedy = Path(path), name, remedy
        self._fd = -1

    def acquire(self) -> None:
        """Lock the device. Raises DeviceError if another process holds it; does nothing if it cannot be opened."""
        try:
            device = self._path.stat()
            if self._fd >= 0 and os.path.samestat(device, os.fstat(self._fd)):
                return
            self.release()  # the lock of a device that was unplugged since
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return  # the driver opens the device next and reports why that fails
        try:
            locked = try_lock(fd)
        except OSError:
            locked = False
        if not locked:
            os.close(fd)
            raise DeviceError(f"{self._name} is in use by {_holder(device)}; {self._remedy}")
        self._fd = fd

    def release(self) -> None:
        """Unlock the device; do nothing if it is not locked."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _holder(device: os.stat_result) -> str:
    """Return the pid and start time of the process that holds the lock, from /proc/locks (see proc(5))."""
    file_id = f"{os.major(device.st_dev):02x}:{os.minor(device.st_dev):02x}:{device.st_ino}"
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            columns = line.split()
            if columns[1] == "FLOCK" and columns[5] == file_id and int(columns[4]) > 0:
                since = Path(f"/proc/{columns[4]}").stat().st_ctime_ns
                return f"pid {columns[4]} since {clock.iso(since)}"
    return "another process"
