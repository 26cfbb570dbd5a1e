"""Room on the spool's disk, in minutes of recording."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread

WARN_MINUTES = 10.0
LEAST_FILES = 200
"""With fewer new files to make there is no room: a take with 16 cameras makes 35, and others are being saved."""
_ROW_BYTES = 1200
_LOOK_EVERY_S = 0.5


class DiskWatch:
    """Asks the system at most twice a second; the rate is what the cameras' frames really take."""

    def __init__(self, spool: Path, cameras: Sequence[CameraThread], fps: float) -> None:
        self._spool = spool
        self._cameras = cameras
        self._fps = fps
        self._free = 0
        self._files: int | None = None
        self._looked = float("-inf")

    @property
    def free_bytes(self) -> int:
        """Bytes that this process may still write."""
        self._look()
        return self._free

    @property
    def files_left(self) -> int | None:
        """How many files this process may still make; None where the file system does not count them."""
        self._look()
        return self._files

    @property
    def is_out_of_files(self) -> bool:
        """Whether there is room for bytes, perhaps, but not for a take's files."""
        return self.files_left is not None and self.files_left < LEAST_FILES

    def _look(self) -> None:
        now = clock.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        try:
            stat = os.statvfs(self._spool)
        except OSError:  # unmounted or unplugged: nothing may be written there
            self._free, self._files = 0, None
        else:
            self._free = stat.f_bavail * stat.f_frsize
            self._files = stat.f_favail if stat.f_files else None

    @property
    def bytes_per_s(self) -> float:
        """What recording takes, by the newest frame of each camera."""
        rate = _ROW_BYTES * self._fps
        for camera in self._cameras:
            newest = camera.newest
            rate += len(newest.packet) * camera.config.fps if newest is not None else 0
        return rate

    @property
    def minutes_left(self) -> float:
        """Minutes of recording until the disk is full; 0 where no more files can be made."""
        if self.is_out_of_files:
            return 0.0
        return self.free_bytes / self.bytes_per_s / 60
