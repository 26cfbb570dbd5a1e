"""Room on the spool's disk, in minutes of recording."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread
from robotdata.rig.protocol import REFUSE_MINUTES as REFUSE_MINUTES

WARN_MINUTES = 10.0
_ROW_BYTES = 1200
_LOOK_EVERY_S = 0.5


class DiskWatch:
    """Asks the system at most twice a second; the rate is what the cameras' frames really take."""

    def __init__(self, spool: Path, cameras: Sequence[CameraThread], fps: float) -> None:
        self._spool = spool
        self._cameras = cameras
        self._fps = fps
        self._free = 0
        self._looked = float("-inf")

    @property
    def free_bytes(self) -> int:
        """Bytes that this process may still write."""
        now = clock.monotonic()
        if now - self._looked >= _LOOK_EVERY_S:
            self._looked = now
            try:
                stat = os.statvfs(self._spool)
            except OSError:  # unmounted or unplugged: nothing may be written there
                self._free = 0
            else:
                self._free = stat.f_bavail * stat.f_frsize
        return self._free

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
