"""Room on the spool's disk: minutes of recording, and files that it may still hold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread

WARN_MINUTES = 10.0
REFUSE_TAKES, WARN_TAKES = 2, 20
"""For so many takes there must be files (inodes) left."""
_FILES = 10  # of a take, its folder, its rows and temporary files among them; and these of each camera:
_CAMERA_FILES = 2
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
    def takes_left(self) -> int | None:
        """How many takes there are files for; None where the file system has no bound on them (btrfs, FAT)."""
        self._look()
        return None if self._files is None else self._files // (_FILES + _CAMERA_FILES * len(self._cameras))

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
        return self.free_bytes / self.bytes_per_s / 60
