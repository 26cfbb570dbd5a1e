"""Read one camera in a thread of its own; keep the newest frame and send every frame to the take being recorded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.config import CameraConfig
from robotdata.capture.devices import Camera, Picture, TickCamera
from robotdata.capture.errors import DeviceError
from robotdata.capture.health import CameraHealth, classify_colour, classify_depth
from robotdata.capture.records import CameraFrame
from robotdata.capture.session import NamedDevice, Tracebacks
from robotdata.video.depth.packets import depth_of_packet, depth_packet, depth_size
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import ImageError, decode_jpeg, encode_jpeg
from robotdata.video.jpeg_door import JpegDoor
from robotdata.video.upright import NO_TURN

log = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_BAD_IN_A_ROW = 10
_AHEAD_S = 0.5
IDLE_EVERY_NS = 4_000_000_000
_EARLY = 0.75  # of the interval: at the camera's own rate, jitter would otherwise skip every other frame
Result = TypeVar("Result")
Sink = Callable[[str, CameraFrame], None]


class CameraThread:
    """Read frames from `camera` and encode them as packets, so that the control loop never encodes.

    Every frame is read, but it is encoded only where it is needed: all frames of a take and while `awake`, the frames
    that a viewer watches, and one every four seconds for `health`. Frames that arrive as packets are never skipped,
    unless they have to be turned, for which they are decoded and encoded again.

    `newest` is the newest encoded frame, or None before the first; any thread may read it.
    """

    def __init__(self, config: CameraConfig, camera: Camera, *, quality: int = 95) -> None:
        self.config = config
        self.key = config.key
        self.newest: CameraFrame | None = None
        classify = classify_depth if config.depth else classify_colour
        self.health = CameraHealth(config.fps, clock.monotonic_ns(), classify)
        self.bad_frames = 0
        self.bytes_in = 0  # of the packets that arrived as such; pictures that the driver decodes are not counted
        self.awake = False
        self.on_watched_frame: Callable[[], None] = lambda: None
        self._watched_ns: int | None = None
        self._needed_ns = 0
        self._skipped = False
        self._camera = camera
        self.is_ticked = isinstance(camera, TickCamera)  # asked often; a check against a protocol is slow
        """Whether the control loop connects this camera and grabs one frame per tick."""
        self._quality = quality
        self._door = JpegDoor(quality)
        self._sink: Sink | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{config.name}", daemon=True)
        self._bad_in_a_row = 0
        self._channels = 0
        self._image: NDArray[Any] | None = None  # of the frame that is being made, if it was encoded here
        self._forgotten = -1
        self._method = ""
        self._tracebacks = Tracebacks()

    @property
    def device(self) -> NamedDevice:
        """Return the camera as a device of the control loop.

        A driver with an attribute `answer_s` (seconds) may take that long to answer a call.
        """
        return NamedDevice(
            f"camera {self.config.name}", self._camera, self.key, float(getattr(self._camera, "answer_s", 0))
        )

    def start(self) -> None:
        """Start the thread, which connects and reads until `stop`; do nothing if the camera `is_ticked`."""
        if self.is_ticked:
            return
        try:
            self._thread.start()
        except RuntimeError as error:
            self.health.fail(f"this machine cannot start more threads ({error}); restart the rig")

    def halt(self) -> None:
        """Ask the thread to end; return at once."""
        self._stopping.set()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread, which disconnects the camera; leave a thread that hangs for `timeout_s` running."""
        self.halt()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def watch(self, fps: float) -> None:
        """Encode at least `fps` frames per second for viewers, if the camera has so many; 0: nobody watches."""
        self._watched_ns = round(1e9 / fps) if fps > 0 else None

    @property
    def is_behind(self) -> bool:
        """Return whether `newest` is older than the frame that was read last, because nobody needed that one."""
        return self._skipped

    def attach(self, sink: Sink) -> None:
        """Send every frame to `sink` from now on, starting with the newest unless `forget` was called after it."""
        with self._lock:
            if self.newest is not None and self.newest.seq > self._forgotten:
                sink(self.key, self.newest)
            self._sink = sink

    def detach(self) -> None:
        """Stop sending frames to the sink."""
        with self._lock:
            self._sink = None

    def forget(self) -> None:
        """Keep the frames captured so far from every sink that is attached later."""
        with self._lock:
            self._forgotten = -1 if self.newest is None else self.newest.seq

    def unavailable_reason(self, now_ns: int) -> str | None:
        """Return why the camera has no frames to record at `now_ns` (monotonic); None if it has."""
        if self.newest is not None and self.health.state(now_ns) != "lost":
            return None
        if self.health.failed is not None:
            return self.health.failed
        method = self._method
        return f"{method} does not answer" if method else "no frames arrive"

    def slow_warning(self) -> str | None:
        """Return a warning if the camera is much slower than its fps in the rig file, else None.

        A ticked camera never gets one: it is as fast as the control loop, whose rate has a warning of its own.
        """
        rate = None if self.is_ticked else self.health.slow_fps
        if rate is None:
            return None
        return (
            f"Camera {self.config.name} gives {rate:.1f} frames/s, not {self.config.fps:g}. "
            "Check its settings, light and network, or correct its fps in the rig file"
        )

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            frames_before = self.health.frames
            try:
                self._call("connect", self._camera.connect)
                while not self._stopping.is_set():
                    frame = self.make_frame(self._call("read", self._camera.read))
                    if frame is not None:
                        self.publish(frame)
            except BaseException as error:  # noqa: BLE001  a driver may raise anything, SystemExit too
                self.health.fail(self._tracebacks.report(self.device.name, self._method or "read", error))
            try:
                self._call("disconnect", self._camera.disconnect)
            except BaseException as error:  # noqa: BLE001  `health` keeps the earlier error, which is the cause
                self._tracebacks.report(self.device.name, "disconnect", error)
            pause = FIRST_PAUSE_S if self.health.frames > frames_before else min(2 * pause, LONGEST_PAUSE_S)
            self._stopping.wait(pause)

    def _call(self, method: str, function: Callable[[], Result]) -> Result:
        self._method = method
        result = function()
        self._method = ""
        return result

    def make_frame(self, picture: Picture) -> CameraFrame | None:
        """Return the frame to store for `picture`; None if its image is damaged, or not needed.

        Raises DeviceError if the driver returned no valid Picture, or after `_BAD_IN_A_ROW` damaged images.
        """
        self._check(picture)
        captured_ns = int(picture.captured_ns)
        costs = picture.packet is None or self.config.turn != NO_TURN
        self._skipped = costs and not self._is_needed(captured_ns)
        if self._skipped:
            self.health.count_arrival(captured_ns)
            return None
        packet = self._packet(picture)
        if packet is None:
            return None
        seq = 0 if self.newest is None else self.newest.seq + 1
        wall_ns = clock.wall_ns() - (clock.monotonic_ns() - captured_ns)
        return CameraFrame(seq, captured_ns, packet, wall_ns)

    def publish(self, frame: CameraFrame) -> None:
        """Make `frame` the newest one and send it to the sink."""
        with self._lock:
            self.newest = frame
            if self._sink is not None:
                self._sink(self.key, frame)
        if self._watched_ns is not None:
            self.on_watched_frame()
        image, self._image = self._image, None  # not kept: it is larger than the packet, and the driver's own
        self.health.add(frame.packet, frame.captured_ns, image)

    def _is_needed(self, captured_ns: int) -> bool:
        """Return whether anybody needs the frame captured at `captured_ns`; note it as the last one if so."""
        every_ns = IDLE_EVERY_NS if self._watched_ns is None else min(IDLE_EVERY_NS, self._watched_ns * _EARLY)
        busy = self.awake or self._sink is not None
        if not busy and self.newest is not None and 0 <= captured_ns - self._needed_ns < every_ns:
            return False
        self._needed_ns = captured_ns
        return True

    def _check(self, picture: Any) -> None:
        """Raise DeviceError if `picture` is not a Picture or its capture time is invalid."""
        if not isinstance(picture, Picture):
            raise DeviceError(f"it returns a {type(picture).__name__}, want a Picture")
        captured_ns = picture.captured_ns
        if isinstance(captured_ns, bool) or not isinstance(captured_ns, int | np.integer) or captured_ns < 0:
            raise DeviceError(f"it returns {captured_ns!r:.60} as captured_ns, want monotonic nanoseconds")
        ahead_s = (int(captured_ns) - clock.monotonic_ns()) / 1e9
        if ahead_s > _AHEAD_S:
            raise DeviceError(f"its frames are {ahead_s:.3g} s ahead of the clock; captured_ns is monotonic time")

    def _packet(self, picture: Picture) -> bytes | None:
        """Return the packet to store; None for a damaged image. Raises DeviceError if the size is not the config's."""
        self._image = None
        try:
            packet, size = self._encode_depth(picture) if self.config.depth else self._encode_colour(picture)
        except (ImageError, VideoError) as error:  # skip one damaged image; many in a row are a fault of the camera
            self.bad_frames += 1
            self._bad_in_a_row += 1
            if self._bad_in_a_row >= _BAD_IN_A_ROW:
                raise DeviceError(f"it sends damaged images: {error}") from error
            return None
        self._bad_in_a_row = 0
        if size != (self.config.width, self.config.height):
            turned = ", turned by `rotate`" if self.config.turn.transposed else ""
            raise DeviceError(
                f"it sends {size[0]}x{size[1]} pixels{turned}, want "
                f"{self.config.width}x{self.config.height}; correct width and height in the rig file"
            )
        return packet

    def _encode_colour(self, picture: Picture) -> tuple[bytes, tuple[int, int]]:
        """Return a JPEG and its (width, height) in pixels."""
        if picture.depth is not None:
            raise DeviceError("it sends depth; set `depth = true` for it in the rig file")
        if picture.packet is not None:
            # Copied: the driver may reuse its buffer while this packet waits to be written.
            self.bytes_in += len(picture.packet)
            parts = self._door.admit(bytes(picture.packet))
            self._check_channels(parts.channels)
            if self.config.turn == NO_TURN:
                return parts.data, (parts.width, parts.height)
            rgb: NDArray[Any] | None = decode_jpeg(parts.data)
        else:
            rgb = picture.rgb if picture.render is None else picture.render()
        if rgb is not None:
            if rgb.ndim == 3:  # of anything else encode_jpeg says what is wrong with it
                rgb = self.config.turn.apply(rgb)
            packet, self._image = encode_jpeg(rgb, self._quality), rgb
            return packet, (rgb.shape[1], rgb.shape[0])
        raise ImageError("no image")

    def _check_channels(self, channels: int) -> None:
        """Raise DeviceError if a camera changes between grey and colour: a video has one number of channels."""
        # Compared with the first image, not the previous one: a camera that turned grey stays refused.
        before = self._channels = self._channels or channels
        if channels != before:
            raise DeviceError(f"it sends {channels} channel(s), earlier images had {before}")

    def _encode_depth(self, picture: Picture) -> tuple[bytes, tuple[int, int]]:
        """Return a 16-bit PNG, which is lossless, and its (width, height) in pixels."""
        if picture.rgb is not None or (picture.packet or b"").startswith(b"\xff\xd8"):
            raise DeviceError("it sends colour; remove `depth` from it in the rig file")
        if picture.packet is not None:
            if self.config.turn == NO_TURN:
                return bytes(picture.packet), depth_size(picture.packet)
            depth: NDArray[Any] | None = depth_of_packet(bytes(picture.packet))
        else:
            depth = picture.depth if picture.render is None else picture.render()
        if depth is None:
            raise ImageError("no depth at all")
        flat = depth[..., 0] if depth.shape[2:] == (1,) else depth
        flat = self.config.turn.apply(flat) if flat.ndim == 2 else flat
        packet, self._image = depth_packet(flat), flat
        return packet, (flat.shape[1], flat.shape[0])
