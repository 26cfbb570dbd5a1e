"""The colour or the depth of a RealSense."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError
from robotdata.capture.millimetres import in_millimetres
from robotdata.capture.options import Options
from robotdata.devices.realsense.shared import COLOUR, DEPTH, SharedRealSense

KEY = "realsense"


class RealSenseCamera:
    """One stream of a camera that another table may share; frames have the time at which they came."""

    def __init__(self, shared: SharedRealSense, stream: str) -> None:
        self._shared, self._stream = shared, stream
        self._number = 0

    def connect(self) -> None:
        self._number = 0
        self._shared.connect(self._stream)

    def read(self) -> Picture:
        self._number, captured_ns, values = self._shared.newer(self._stream, self._number)
        if self._stream == COLOUR:
            return Picture(captured_ns, rgb=np.ascontiguousarray(values))
        return Picture(captured_ns, depth=in_millimetres(values, self._shared.unit_mm))

    def disconnect(self) -> None:
        self._shared.disconnect(self._stream)


def make_camera(context: DeviceContext, options: Options) -> RealSenseCamera:
    """Return the stream of the camera `serial`: its depth if the table says so, else its colour. Raises ConfigError."""
    serial = options.text("serial")
    library = _library(options)
    size, stream = (context.width, context.height), DEPTH if context.depth else COLOUR
    cameras: dict[str, SharedRealSense] = context.shared.setdefault(KEY, {})
    shared = cameras.setdefault(serial, SharedRealSense(library, serial, size, context.camera_fps))
    if (shared.size, shared.fps) != (size, context.camera_fps):
        problem = "has another size or rate than the other table of this camera; both streams have the same"
        raise ConfigError(options.where, problem)
    shared.add(stream, options.where)
    return RealSenseCamera(shared, stream)


def _library(options: Options) -> Any:
    try:
        return importlib.import_module("pyrealsense2")
    except ImportError as error:
        problem = f"needs the package pyrealsense2 ({error}); run: python -m pip install pyrealsense2"
        raise ConfigError(f"{options.where}.kind", problem) from error
