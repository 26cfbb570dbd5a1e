"""A camera that LeRobot drives."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.devices.lerobot.configs import Settings, camera_values, read_settings
from robotdata.devices.lerobot.ports import locks_of, nodes_of
from robotdata.devices.lerobot.problems import explain
from robotdata.devices.lerobot.streams import COLOUR, DEPTH, has_streams, source_of

FRAME_S = 2.0
_NAME = "camera"
_SAME_CLOCK = time.get_clock_info("perf_counter").implementation == time.get_clock_info("monotonic").implementation


class LeRobotCamera:
    """A camera of LeRobot's, which reads it in a thread of its own and keeps the newest frame with its time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._nodes = nodes_of(settings.config)
        self._locks = locks_of(settings.config, "index_or_path")
        self._device: Any = None
        self._newest_s = 0.0
        self._make()

    def connect(self) -> None:
        for lock in self._locks:
            lock.acquire()
        with _errors(self._nodes):
            self._device = self._make()
            self._newest_s = 0.0
            self._device.connect()

    def read(self) -> Picture:
        with _errors(self._nodes):
            end = clock.monotonic() + FRAME_S
            while True:
                frame = self._device.async_read(timeout_ms=FRAME_S * 1000)
                picture = self._picture(frame)
                if picture is not None:
                    return picture
                if clock.monotonic() > end:
                    raise TimeoutError

    def disconnect(self) -> None:
        device, self._device = self._device, None
        try:
            with _errors(self._nodes):
                if device is not None and (device.is_connected or getattr(device, "thread", None) is not None):
                    device.disconnect()
        finally:
            for lock in self._locks:
                lock.release()

    def _picture(self, frame: NDArray[Any]) -> Picture | None:
        """Return the newest frame with the time when it arrived; None if that frame was returned before.

        LeRobot keeps frame and time under one lock. A frame of `async_read` may be followed by another before its time
        is read, so both are read again together.
        """
        device = self._device
        if not _SAME_CLOCK or not hasattr(device, "frame_lock") or not hasattr(device, "latest_timestamp"):
            return Picture(clock.monotonic_ns(), rgb=np.ascontiguousarray(frame))
        with device.frame_lock:
            newest, seconds = getattr(device, "latest_frame", None), device.latest_timestamp
        if newest is None or seconds is None:
            return Picture(clock.monotonic_ns(), rgb=np.ascontiguousarray(frame))
        if seconds == self._newest_s:
            return None
        self._newest_s = seconds
        return Picture(int(seconds * 1e9), rgb=np.ascontiguousarray(newest))

    def _make(self) -> Any:
        with _making(self._settings):
            return self._settings.library.make({_NAME: self._settings.config})[_NAME]


class LeRobotStream:
    """The colour or the depth of a camera of LeRobot's that has both."""

    def __init__(self, context: DeviceContext, settings: Settings) -> None:
        make = settings.library.make
        with _making(settings):
            self._source = source_of(context, settings, lambda config: make({_NAME: config})[_NAME])

    def connect(self) -> None:
        with _errors():
            self._source.connect()

    def read(self) -> Picture:
        with _errors():
            return self._source.read(FRAME_S)

    def disconnect(self) -> None:
        with _errors():
            self._source.disconnect()


@contextlib.contextmanager
def _making(settings: Settings) -> Iterator[None]:
    """Turn whatever LeRobot raises while it makes a camera into a ConfigError."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # a driver may raise anything
        raise ConfigError(settings.where, f"{settings.type} cannot be used: {explain(error)}") from error


@contextlib.contextmanager
def _errors(nodes: Sequence[str] = ()) -> Iterator[None]:
    """Turn whatever the driver raises into a DeviceError, so that the camera is connected again."""
    try:
        yield
    except DeviceError:
        raise
    except TimeoutError as error:
        raise DeviceError(f"no frame for {FRAME_S:g} s: check its cable") from error
    except Exception as error:
        raise DeviceError(explain(error, nodes)) from error


def make_camera(context: DeviceContext, options: Options) -> LeRobotCamera | LeRobotStream:
    """Return the camera that `options` describe: `type` and LeRobot's own keys. Raises ConfigError.

    Size and rate are robotdata's `width`, `height` and `fps`.
    """
    for key in (COLOUR, DEPTH):
        if key in options.names():
            problem = "is set; write a table for each stream, that of depth with depth = true and the same keys"
            raise ConfigError(f"{options.where}.{key}", problem)
    settings = read_settings("camera", options, camera_values(context))
    colours = getattr(settings.config, "color_mode", "rgb")
    if str(getattr(colours, "value", colours)) != "rgb":
        raise settings.error("color_mode", "is 'bgr'; frames are stored as RGB, remove it")
    if has_streams(type(settings.config)):
        return LeRobotStream(context, settings)
    if context.depth:
        raise settings.error("depth", f"is true, but LeRobot reads no depth of {settings.type}; remove it")
    return LeRobotCamera(settings)
