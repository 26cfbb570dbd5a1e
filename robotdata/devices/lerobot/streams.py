"""A camera of LeRobot's that gives colour and depth, such as a RealSense: one device behind two cameras of a rig.

Each table of the rig file is one stream. Those with the same keys share the device, which is connected by the first and
released by the last one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.millimetres import in_millimetres, unit_in_mm
from robotdata.devices.lerobot.configs import Settings
from robotdata.devices.shared_streams import SharedStreams

KEY = "lerobot.streams"
COLOUR, DEPTH = "use_rgb", "use_depth"
"""LeRobot's keys that switch the streams on, and the names of the streams."""
_NAME = "serial_number_or_name"
_LOCK_S = 30.0
_FRAMES = {COLOUR: "latest_color_frame", DEPTH: "latest_depth_frame"}


def has_streams(config_class: type) -> bool:
    """Return whether a config class of LeRobot's is that of a camera with colour and depth."""
    return {COLOUR, DEPTH} <= {each.name for each in dataclasses.fields(config_class)}


class SharedCamera:
    """LeRobot's object for one camera, and the streams of the rig that use it.

    A stream that fails takes the others with it: they share its cable. It connects again once all have let go.
    """

    def __init__(self, make: Callable[[Any], Any], config: Any) -> None:
        self._make, self._config = make, config
        self.name = getattr(config, _NAME, None)
        self._lock = threading.Lock()
        self._streams = SharedStreams()
        self.device: Any = None
        self.unit_mm = 1.0
        """Millimetres that the value 1 of the camera's depth stands for."""

    def add(self, stream: str, where: str) -> None:
        """Take one more stream, before the camera is connected. Raises ConfigError if it has a camera already."""
        self._streams.add(stream, where, is_depth=stream == DEPTH)

    def check(self) -> None:
        """Make the device without connecting it. Raises what LeRobot raises."""
        self._new()

    def connect(self, stream: str) -> None:
        """Connect the device unless another stream has. Raises what LeRobot raises, or DeviceError."""
        if not self._lock.acquire(timeout=_LOCK_S):
            raise DeviceError("its other stream is still connecting")
        try:
            self._streams.check()
            if self.device is None:
                self.device = self._connected()
            self._streams.use(stream)
        finally:
            self._lock.release()

    def newest(self, stream: str) -> tuple[NDArray[Any], float] | None:
        """Return the newest frame, if there is one, and when LeRobot got it (seconds of `perf_counter`).

        Raises DeviceError if the camera has stopped.
        """
        device = self.device
        if device is None or self._streams.is_broken:
            raise DeviceError("its other stream has failed")
        if device.thread is None or not device.thread.is_alive():
            raise DeviceError("LeRobot has stopped reading it, after failures; see the rig's log")
        with device.frame_lock:
            frame, seconds = getattr(device, _FRAMES[stream]), device.latest_timestamp
        return None if frame is None or seconds is None else (frame, seconds)

    def disconnect(self, stream: str) -> None:
        """Let go; the last one disconnects the device. Raises what LeRobot raises."""
        with self._lock:
            if not self._streams.release(stream):
                return
            device, self.device = self.device, None
            if device is not None and (device.is_connected or device.thread is not None):
                device.disconnect()

    def _connected(self) -> Any:
        device = self._new()
        try:
            device.connect()
            self.unit_mm = _unit_mm(device) if DEPTH in self._streams.names else 1.0
        except BaseException:
            with contextlib.suppress(Exception):  # the reason is that of `connect`
                if device.is_connected:
                    device.disconnect()
            raise
        return device

    def _new(self) -> Any:
        config = dataclasses.replace(self._config, **{each: each in self._streams.names for each in (COLOUR, DEPTH)})
        return self._make(config)


class StreamSource:
    """One stream of a shared camera: what `LeRobotCamera` calls, with the frames as pictures."""

    def __init__(self, shared: SharedCamera, stream: str, period_s: float) -> None:
        self._shared, self._stream = shared, stream
        self._pause_s = min(0.01, period_s / 4)
        self._newest_s = 0.0

    def connect(self) -> None:
        self._newest_s = 0.0
        self._shared.connect(self._stream)

    def read(self, timeout_s: float) -> Picture:
        """Wait for a frame that was not returned before. Raises TimeoutError, or DeviceError if there will be none."""
        end = clock.monotonic() + timeout_s
        while clock.monotonic() < end:
            found = self._shared.newest(self._stream)
            if found is not None and found[1] != self._newest_s:
                self._newest_s = found[1]
                return self._picture(found[0], int(found[1] * 1e9))
            clock.pause(self._pause_s)  # LeRobot's event is for one reader
        raise TimeoutError

    def disconnect(self) -> None:
        self._shared.disconnect(self._stream)

    def _picture(self, frame: NDArray[Any], captured_ns: int) -> Picture:
        if self._stream == COLOUR:
            return Picture(captured_ns, rgb=np.ascontiguousarray(frame))
        return Picture(captured_ns, depth=in_millimetres(frame, self._shared.unit_mm))


def source_of(context: DeviceContext, settings: Settings, make: Callable[[Any], Any]) -> StreamSource:
    """Return the stream that a table describes, of a camera that other tables with the same keys share.

    Raises ConfigError if two tables read the same stream, or what LeRobot raises if the camera cannot be made.
    """
    shared_by_config = context.shared.setdefault(KEY, {})
    stream = DEPTH if context.depth else COLOUR
    name, key = getattr(settings.config, _NAME, None), repr(settings.config)
    if any(other != key and each.name == name for other, each in shared_by_config.items() if name is not None):
        problem = "has other keys than the other table of this camera; both streams have one size and rate"
        raise ConfigError(settings.where, problem)
    shared = shared_by_config.setdefault(key, SharedCamera(make, settings.config))
    shared.add(stream, settings.where)
    shared.check()
    return StreamSource(shared, stream, 1 / context.camera_fps)


def _unit_mm(device: Any) -> float:
    """Return the unit of a connected RealSense's depth. LeRobot takes every camera's for millimetres; a D405's is 0.1.

    1.0 for a camera of another kind, which LeRobot documents as millimetres.
    """
    profile = getattr(device, "rs_profile", None)
    if profile is None:
        return 1.0
    return unit_in_mm(profile.get_device().first_depth_sensor().get_depth_scale())
