"""LeRobot's OpenCV camera on a film that starts again at its end, at the camera's own rate.

Only what a file cannot do is another's: setting size and rate, and pausing between frames. The thread that reads, its
lock, its times and `async_read` are OpenCVCamera's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from lerobot.cameras import CameraConfig
from lerobot.cameras.opencv import OpenCVCamera, OpenCVCameraConfig


@CameraConfig.register_subclass("looped")
@dataclass
class LoopedConfig(OpenCVCameraConfig):
    unplugged: str = ""
    """While this file exists, no frame comes."""
    times: str = ""
    """A file for the number of each frame, and the monotonic nanoseconds when it was read."""


class Looped(OpenCVCamera):
    @staticmethod
    def find_cameras() -> list[dict[str, Any]]:
        return [{"name": "Film", "type": "Looped", "id": "/films/one.mp4"}]

    def _configure_capture_settings(self) -> None:
        pass

    def _read_from_hardware(self) -> Any:
        time.sleep(1 / self.fps)
        if self.config.unplugged and Path(self.config.unplugged).exists():
            raise RuntimeError("no frame")
        assert self.videocapture is not None
        number = int(self.videocapture.get(cv2.CAP_PROP_POS_FRAMES))
        whole, frame = self.videocapture.read()
        if not whole:
            self.videocapture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            number, (whole, frame) = 0, self.videocapture.read()
        if self.config.times:
            with Path(self.config.times).open("a") as times:
                times.write(f"{number} {time.monotonic_ns()}\n")
        return frame

    def read_latest(self, max_age_ms: int = 500) -> Any:
        """Patient, as `patient_driver` is: on a busy machine a frame may come later."""
        return super().read_latest(max_age_ms=60 * max_age_ms)
