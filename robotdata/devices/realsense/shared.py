"""One RealSense behind two cameras of a rig: each is a stream of it, and a pair of frames has one time."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.errors import DeviceError
from robotdata.capture.millimetres import unit_in_mm
from robotdata.capture.session import describe_error
from robotdata.devices.shared_streams import SharedStreams

log = logging.getLogger(__name__)
COLOUR, DEPTH = "color", "depth"
"""librealsense's names of the streams."""
FRAME_S = 2.0
_WAIT_MS = 200
_JOIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Frames:
    """The newest frames by stream, their number since the start, and when they came (monotonic nanoseconds)."""

    number: int
    captured_ns: int
    pictures: dict[str, NDArray[Any]]


class SharedRealSense:
    """The camera `serial`, opened by the first stream that connects and closed by the last one that lets go.

    A stream that fails takes the other with it: they share its cable. `library` is the module pyrealsense2.
    """

    def __init__(self, library: Any, serial: str, size: tuple[int, int], fps: float) -> None:
        self._library, self.serial, self.size, self.fps = library, serial, size, fps
        self.unit_mm = 1.0
        self._lock = threading.Lock()
        self._came = threading.Condition()
        self._streams = SharedStreams()
        self._pipeline: Any = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._frames: Frames | None = None
        self._failure = ""

    def add(self, stream: str, where: str) -> None:
        """Take one more stream, before the camera is connected. Raises ConfigError if it has a table already."""
        self._streams.add(stream, where, is_depth=stream == DEPTH)

    def connect(self, stream: str) -> None:
        """Open the camera unless the other stream has. Raises DeviceError."""
        with self._lock:
            self._streams.check()
            if self._pipeline is None:
                self._start()
            self._streams.use(stream)

    def newer(self, stream: str, number: int) -> tuple[int, int, NDArray[Any]]:
        """Wait for a frame after that `number`; return its number, time and values. Raises DeviceError."""
        with self._came:
            self._came.wait_for(lambda: self._failure or self._number > number, FRAME_S)
            frames, failure = self._frames, self._failure
        if self._streams.is_broken or failure:
            raise DeviceError(failure or "its other stream has failed")
        if frames is None or frames.number <= number:
            raise DeviceError(f"no frame for {FRAME_S:g} s: check its cable")
        return frames.number, frames.captured_ns, frames.pictures[stream]

    def disconnect(self, stream: str) -> None:
        """Let go; the last one closes the camera."""
        with self._lock:
            if self._streams.release(stream):
                self._stop()

    @property
    def _number(self) -> int:
        return self._frames.number if self._frames is not None else 0

    def _start(self) -> None:
        library, (width, height) = self._library, self.size
        config, pipeline = library.config(), library.pipeline()
        try:
            config.enable_device(self.serial)
            for stream in self._streams.names:
                form = library.format.rgb8 if stream == COLOUR else library.format.z16
                config.enable_stream(getattr(library.stream, stream), width, height, form, round(self.fps))
            profile = pipeline.start(config)
            if DEPTH in self._streams.names:
                self.unit_mm = unit_in_mm(profile.get_device().first_depth_sensor().get_depth_scale())
        except Exception as error:  # librealsense raises RuntimeError for all
            with contextlib.suppress(Exception):  # the reason is that of `start`
                pipeline.stop()
            raise DeviceError(self._why(error)) from error
        self._frames, self._failure, self._pipeline = None, "", pipeline
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._read_all, args=(pipeline, self._stopping), name=f"realsense-{self.serial}", daemon=True
        )
        self._thread.start()

    def _why(self, error: Exception) -> str:
        text = str(error)
        if "No device" in text:
            return f"no RealSense with the serial number {self.serial} is connected: check its cable (USB 3)"
        if "busy" in text:
            return f"the RealSense {self.serial} is in use by another program; close it"
        width, height = self.size
        hint = f"; {width}x{height} at {self.fps:g} fps may be none of its modes" if "resolve" in text else ""
        return f"the RealSense {self.serial} cannot be opened: {describe_error(error)}{hint}"

    def _read_all(self, pipeline: Any, stopping: threading.Event) -> None:
        number = 0
        while not stopping.is_set():
            try:
                is_there, frames = pipeline.try_wait_for_frames(_WAIT_MS)
                if not is_there:
                    continue
                captured_ns = clock.monotonic_ns()
                pictures = {stream: self._values(frames, stream) for stream in self._streams.names}
            except Exception as error:  # the camera is gone, or the driver is broken
                log.debug("realsense %s", self.serial, exc_info=True)
                with self._came:
                    self._failure = f"the camera has stopped: {describe_error(error)}"
                    self._came.notify_all()
                return
            number += 1
            with self._came:
                self._frames = Frames(number, captured_ns, pictures)
                self._came.notify_all()

    def _values(self, frames: Any, stream: str) -> NDArray[Any]:
        frame = frames.get_color_frame() if stream == COLOUR else frames.get_depth_frame()
        return np.array(frame.get_data())  # a copy: librealsense uses the memory of the frame again

    def _stop(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
        if pipeline is not None:
            with contextlib.suppress(Exception):  # it has been pulled out
                pipeline.stop()
