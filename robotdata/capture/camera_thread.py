"""One camera in a thread of its own: the newest frame in a slot, and every frame to the take that runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from robotdata.capture import clock
from robotdata.capture.config import CameraConfig
from robotdata.capture.devices import Camera, Picture, TickCamera
from robotdata.capture.errors import DeviceError
from robotdata.capture.health import CameraHealth, look_of, look_of_depth
from robotdata.capture.records import CameraFrame
from robotdata.capture.session import Part, Tracebacks
from robotdata.video.depth.packets import depth_packet, depth_size
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import ImageError, encode_jpeg
from robotdata.video.jpeg_door import JpegDoor

log = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_BAD_IN_A_ROW = 10
_AHEAD_S = 0.5
Result = TypeVar("Result")
Sink = Callable[[str, CameraFrame], None]


class CameraThread:
    """Runs `camera`; Packets are made here, once, and never in the loop. `newest` is safe from any thread."""

    def __init__(self, config: CameraConfig, camera: Camera, *, quality: int = 95) -> None:
        self.config = config
        self.key = config.key
        self.newest: CameraFrame | None = None
        self.health = CameraHealth(config.fps, clock.monotonic_ns(), look_of_depth if config.depth else look_of)
        self.bad_frames = 0
        self._camera = camera
        self._quality = quality
        self._door = JpegDoor(quality)
        self._sink: Sink | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{config.name}", daemon=True)
        self._bad_in_a_row = 0
        self._channels = 0
        self._forgotten = -1
        self._doing = ""
        self._tracebacks = Tracebacks()

    @property
    def is_ticked(self) -> bool:
        """Whether the loop asks this camera for each frame, and connects and disconnects it."""
        return isinstance(self._camera, TickCamera)

    @property
    def part(self) -> Part:
        """The camera as a device of the loop; one that says so in `answer_s` may take longer than others."""
        return Part(f"camera {self.config.name}", self._camera, self.key, float(getattr(self._camera, "answer_s", 0)))

    def start(self) -> None:
        """Connect, and read until `stop`; a ticked camera is left to the loop."""
        if self.is_ticked:
            return
        try:
            self._thread.start()
        except RuntimeError as error:
            self.health.fail(f"this machine cannot start more threads ({error}); restart the rig")

    def halt(self) -> None:
        """Ask the thread to end, without waiting for it."""
        self._stopping.set()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread and let go of the camera; one that hangs is left to the process's end."""
        self.halt()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def attach(self, sink: Sink) -> None:
        """Send every frame to `sink` from now on, beginning with the newest that is there and not forgotten."""
        with self._lock:
            if self.newest is not None and self.newest.seq > self._forgotten:
                sink(self.key, self.newest)
            self._sink = sink

    def detach(self) -> None:
        with self._lock:
            self._sink = None

    def forget(self) -> None:
        """No later sink gets what has come so far."""
        with self._lock:
            self._forgotten = -1 if self.newest is None else self.newest.seq

    def missing(self, now_ns: int) -> str | None:
        """Why the camera gives nothing to record, in words; None where it does."""
        if self.newest is not None and self.health.state(now_ns) != "lost":
            return None
        if self.health.failed is not None:
            return self.health.failed
        doing = self._doing
        return f"{doing} does not answer" if doing else "no frames arrive"

    def slow_words(self) -> str | None:
        """How much slower than the rig's file says the camera is, and what to do; None where it is not.

        A camera that the loop asks for each frame is as fast as the loop, whose rate is said elsewhere.
        """
        rate = None if self.is_ticked else self.health.slow_fps
        if rate is None:
            return None
        name, wanted = self.config.name, self.config.fps
        return (
            f"Camera {name} gives {rate:.1f} frames/s, not {wanted:g}. "
            "Check its settings, light and network, or correct its fps in the rig file"
        )

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            before = self.health.frames
            try:
                self._call("connect", self._camera.connect)
                while not self._stopping.is_set():
                    frame = self.frame_of(self._call("read", self._camera.read))
                    if frame is not None:
                        self.keep(frame)
            except BaseException as error:  # noqa: BLE001  a device's own code may raise anything, SystemExit too
                self.health.fail(self._tracebacks.report(self.part.name, self._doing or "read", error))
            try:
                self._call("disconnect", self._camera.disconnect)
            except BaseException as error:  # noqa: BLE001  what it has failed of before is what counts
                self._tracebacks.report(self.part.name, "disconnect", error)
            pause = FIRST_PAUSE_S if self.health.frames > before else min(2 * pause, LONGEST_PAUSE_S)
            self._stopping.wait(pause)

    def _call(self, method: str, act: Callable[[], Result]) -> Result:
        self._doing = method
        result = act()
        self._doing = ""
        return result

    def frame_of(self, picture: Picture) -> CameraFrame | None:
        """The frame of a picture as it is stored; None for a damaged one. Raises DeviceError where it is none."""
        self._check(picture)
        packet = self._packet(picture)
        if packet is None:
            return None
        seq = 0 if self.newest is None else self.newest.seq + 1
        captured_ns = int(picture.captured_ns)
        wall_ns = clock.wall_ns() - (clock.monotonic_ns() - captured_ns)
        return CameraFrame(seq, captured_ns, packet, wall_ns)

    def keep(self, frame: CameraFrame) -> None:
        """Make a frame the newest one, and hand it to the take that runs."""
        with self._lock:
            self.newest = frame
            if self._sink is not None:
                self._sink(self.key, frame)
        self.health.add(frame.packet, frame.captured_ns)

    def _check(self, picture: Any) -> None:
        """Raises DeviceError where a device gives no Picture, or one that was captured at no time."""
        if not isinstance(picture, Picture):
            raise DeviceError(f"it returns a {type(picture).__name__}, want a Picture")
        captured_ns = picture.captured_ns
        if isinstance(captured_ns, bool) or not isinstance(captured_ns, int | np.integer) or captured_ns < 0:
            raise DeviceError(f"it returns {captured_ns!r:.60} as captured_ns, want monotonic nanoseconds")
        ahead_s = (int(captured_ns) - clock.monotonic_ns()) / 1e9
        if ahead_s > _AHEAD_S:
            raise DeviceError(f"its frames are {ahead_s:.3g} s ahead of the clock; captured_ns is monotonic time")

    def _packet(self, picture: Picture) -> bytes | None:
        """The frame as it is stored; None for one that is damaged. Raises DeviceError where the size is another."""
        try:
            packet, size = self._as_depth(picture) if self.config.depth else self._as_colours(picture)
        except (ImageError, VideoError) as error:  # one damaged picture is left out; many are no camera
            self.bad_frames += 1
            self._bad_in_a_row += 1
            if self._bad_in_a_row >= _BAD_IN_A_ROW:
                raise DeviceError(f"it sends damaged images: {error}") from error
            return None
        self._bad_in_a_row = 0
        if size != (self.config.width, self.config.height):
            raise DeviceError(
                f"it sends {size[0]}x{size[1]} pixels, want "
                f"{self.config.width}x{self.config.height}; correct width and height in the rig file"
            )
        return packet

    def _as_colours(self, picture: Picture) -> tuple[bytes, tuple[int, int]]:
        """A JPEG and its (width, height)."""
        if picture.depth is not None:
            raise DeviceError("it sends depth; set `depth = true` for it in the rig file")
        if picture.packet is not None:
            # A device may use its buffer again, while this one waits to be written.
            parts = self._door.admit(bytes(picture.packet))
            self._same_channels(parts.channels)
            return parts.data, (parts.width, parts.height)
        if picture.rgb is not None:
            return encode_jpeg(picture.rgb, self._quality), (picture.rgb.shape[1], picture.rgb.shape[0])
        raise ImageError("no image")

    def _same_channels(self, channels: int) -> None:
        """Raises DeviceError where a camera turns grey, or coloured: what it was and what it is are two things."""
        before = self._channels = self._channels or channels  # its first ones: a camera that stays grey stays wrong
        if channels != before:
            raise DeviceError(f"it sends {channels} channel(s), earlier images had {before}")

    def _as_depth(self, picture: Picture) -> tuple[bytes, tuple[int, int]]:
        """A 16-bit PNG, which loses nothing, and its (width, height)."""
        if picture.rgb is not None or (picture.packet or b"").startswith(b"\xff\xd8"):
            raise DeviceError("it sends colour; remove `depth` from it in the rig file")
        if picture.packet is not None:
            return bytes(picture.packet), depth_size(picture.packet)
        if picture.depth is None:
            raise ImageError("no depth at all")
        flat = picture.depth[..., 0] if picture.depth.shape[2:] == (1,) else picture.depth
        return depth_packet(flat), (flat.shape[1], flat.shape[0])
