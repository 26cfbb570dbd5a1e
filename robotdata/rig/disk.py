"""Measure the room on the spool's disk: minutes of recording, and takes that it has inodes for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread

WARN_MINUTES = 10.0
REFUSE_TAKES, WARN_TAKES = 2, 20
"""With inodes for fewer takes than this, no take begins, or the status warns."""
_FILES = 10  # inodes of a take, with its folder and temporary files; each camera needs _CAMERA_FILES more
_CAMERA_FILES = 2
_ROW_BYTES = 1200
_MEASURE_EVERY_S = 0.5


class DiskWatch:
    """Measures the disk at most twice a second; estimates the data rate from the cameras' newest frames."""

    def __init__(self, spool: Path, cameras: Sequence[CameraThread], fps: float) -> None:
        self._spool = spool
        self._cameras = cameras
        self._fps = fps
        self._free = 0
        self._files: int | None = None
        self._measured_at = float("-inf")

    @property
    def free_bytes(self) -> int:
        """Return the bytes that this process may still write; 0 if the disk is not available."""
        self._measure()
        return self._free

    @property
    def takes_left(self) -> int | None:
        """Return the number of takes that there are inodes for; None if the file system has no limit (btrfs, FAT)."""
        self._measure()
        return None if self._files is None else self._files // (_FILES + _CAMERA_FILES * len(self._cameras))

    def _measure(self) -> None:
        now = clock.monotonic()
        if now - self._measured_at < _MEASURE_EVERY_S:
            return
        self._measured_at = now
        try:
            stat = os.statvfs(self._spool)
        except OSError:  # unmounted or unplugged
            self._free, self._files = 0, None
        else:
            self._free = stat.f_bavail * stat.f_frsize
            self._files = stat.f_favail if stat.f_files else None

    @property
    def bytes_per_s(self) -> float:
        """Return the data rate of recording, estimated from the size of each camera's newest frame."""
        rate = _ROW_BYTES * self._fps
        for camera in self._cameras:
            newest = camera.newest
            rate += len(newest.packet) * camera.config.fps if newest is not None else 0
        return rate

    @property
    def minutes_left(self) -> float:
        """Return how many minutes of recording there is room for."""
        return self.free_bytes / self.bytes_per_s / 60
