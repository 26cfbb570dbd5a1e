"""The names of librealsense that LeRobot's RealSenseCamera calls, for a camera that is not there.

Frame n shows the shade n (modulo 200) and measures 1000 + n of the depth's unit everywhere. Files in the folder that
REALSENSE_AT names change it: `unplugged`, and `unit`, which has metres.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

SERIAL = "0123456789"
camera_info = SimpleNamespace(serial_number="serial_number", name="name")
stream = SimpleNamespace(color="color", depth="depth")
format = SimpleNamespace(rgb8="rgb8", z16="z16")


def folder() -> Path:
    return Path(os.environ["REALSENSE_AT"])


def unplugged() -> bool:
    return (folder() / "unplugged").exists()


class config:
    def __init__(self) -> None:
        self.streams: dict[str, tuple[int, int, int]] = {}
        self.serial = ""

    def enable_device(self, serial: str) -> None:
        self.serial = serial

    def enable_stream(self, kind: str, width: int, height: int, form: str, fps: int) -> None:
        self.streams[kind] = (width, height, fps)


class Profile:
    def __init__(self, streams: dict[str, tuple[int, int, int]]) -> None:
        self.streams = streams

    def get_stream(self, kind: str) -> Any:
        width, height, fps = self.streams[kind]
        video = SimpleNamespace(width=lambda: width, height=lambda: height, fps=lambda: fps)
        return SimpleNamespace(as_video_stream_profile=lambda: video)

    def get_device(self) -> Any:
        unit = folder() / "unit"
        metres = float(unit.read_text()) if unit.exists() else 0.001
        return SimpleNamespace(first_depth_sensor=lambda: SimpleNamespace(get_depth_scale=lambda: np.float32(metres)))


class pipeline:
    in_use = False

    def start(self, wanted: config) -> Profile:
        if unplugged() or wanted.serial != SERIAL:
            raise RuntimeError("No device connected")
        if pipeline.in_use:
            raise RuntimeError("Device or resource busy")
        pipeline.in_use = True
        with (folder() / "started").open("a") as started:
            started.write(" ".join(sorted(wanted.streams)) + "\n")
        self.streams, self.number = wanted.streams, 0
        return Profile(wanted.streams)

    def try_wait_for_frames(self, timeout_ms: int) -> tuple[bool, Any]:
        width, height, fps = next(iter(self.streams.values()))
        time.sleep(1 / fps)
        if unplugged():
            return False, None
        self.number += 1
        colour = np.full((height, width, 3), self.number % 200, np.uint8)
        depth = np.full((height, width), 1000 + self.number, np.uint16)
        get = {
            f"get_{name}_frame": lambda picture=picture: SimpleNamespace(get_data=lambda: picture)
            for name, picture in (("color", colour), ("depth", depth))
            if name in self.streams
        }
        return True, SimpleNamespace(**get)

    def stop(self) -> None:
        pipeline.in_use = False


class device:
    def get_info(self, what: str) -> str:
        return {"serial_number": SERIAL, "name": "Intel RealSense D435"}[what]


class context:
    def query_devices(self) -> list[device]:
        return [] if unplugged() else [device()]
