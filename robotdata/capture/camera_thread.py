"""One camera in a thread of its own: the newest frame in a slot, and every frame to the take that runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from robotdata.capture import clock
from robotdata.capture.config import CameraConfig
from robotdata.capture.devices import Camera, Picture, TickCamera
from robotdata.capture.errors import DeviceError
from robotdata.capture.health import CameraHealth, look_of, look_of_depth
from robotdata.capture.records import CameraFrame
from robotdata.video.depth import depth_packet, depth_size
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import ImageError, encode_jpeg
from robotdata.video.jpeg_door import JpegDoor

log = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_BAD_IN_A_ROW = 10
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

    @property
    def is_ticked(self) -> bool:
        """Whether the loop asks this camera for each frame."""
        return isinstance(self._camera, TickCamera)

    def start(self) -> None:
        """Connect, and read until `stop`; a ticked camera is connected here and read by the loop."""
        if self.is_ticked:
            self._camera.connect()
        else:
            self._thread.start()

    def halt(self) -> None:
        """Ask the thread to end, without waiting for it."""
        self._stopping.set()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread and let go of the camera; one that hangs is left to the process's end."""
        self.halt()
        if self.is_ticked:
            self._camera.disconnect()
        elif self._thread.ident is not None:
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

    def grab(self, tick: int) -> None:
        """Take the frame of one tick from a ticked camera, in the caller's thread."""
        if isinstance(self._camera, TickCamera):
            self._keep(self._camera.grab(tick))

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            before = self.health.frames
            try:
                self._camera.connect()
                while not self._stopping.is_set():
                    self._keep(self._camera.read())
            except DeviceError as error:
                self.health.fail(str(error))
            except Exception as error:  # the thread's outermost loop: a device's own code may raise anything
                log.exception("camera %s", self.config.name)
                self.health.fail(f"{type(error).__name__}: {error}")
            finally:
                self._camera.disconnect()
            pause = FIRST_PAUSE_S if self.health.frames > before else min(2 * pause, LONGEST_PAUSE_S)
            self._stopping.wait(pause)

    def _keep(self, picture: Picture) -> None:
        packet = self._packet(picture)
        if packet is None:
            return
        seq = 0 if self.newest is None else self.newest.seq + 1
        wall_ns = clock.wall_ns() - (clock.monotonic_ns() - picture.captured_ns)
        frame = CameraFrame(seq, picture.captured_ns, packet, wall_ns)
        with self._lock:
            self.newest = frame
            if self._sink is not None:
                self._sink(self.key, frame)
        self.health.add(packet, picture.captured_ns)

    def _packet(self, picture: Picture) -> bytes | None:
        """The frame as it is stored; None for one that is damaged. Raises DeviceError where the size is another."""
        try:
            packet, size = self._as_depth(picture) if self.config.depth else self._as_colours(picture)
        except (ImageError, VideoError) as error:
            self.bad_frames += 1
            self._bad_in_a_row += 1
            if self._bad_in_a_row >= _BAD_IN_A_ROW:
                raise DeviceError(f"camera {self.config.name} gives damaged pictures: {error}") from error
            return None
        self._bad_in_a_row = 0
        if size != (self.config.width, self.config.height):
            raise DeviceError(
                f"camera {self.config.name} gives {size[0]}x{size[1]} pixels, want "
                f"{self.config.width}x{self.config.height}; correct width and height in the rig's file"
            )
        return packet

    def _as_colours(self, picture: Picture) -> tuple[bytes, tuple[int, int]]:
        """A JPEG and its (width, height)."""
        if picture.depth is not None:
            raise DeviceError(f"camera {self.config.name} gives depth; say `depth = true` of it in the rig's file")
        if picture.packet is not None:
            parts = self._door.admit(picture.packet)
            self._same_channels(parts.channels)
            return parts.data, (parts.width, parts.height)
        if picture.rgb is not None:
            return encode_jpeg(picture.rgb, self._quality), (picture.rgb.shape[1], picture.rgb.shape[0])
        raise ImageError("no picture at all")

    def _same_channels(self, channels: int) -> None:
        """Raises DeviceError where a camera turns grey, or coloured: what it was and what it is are two things."""
        before = self._channels = self._channels or channels  # its first ones: a camera that stays grey stays wrong
        if channels != before:
            name = self.config.name
            raise DeviceError(f"camera {name} gives pictures of {channels} channel(s), and of {before} before")

    def _as_depth(self, picture: Picture) -> tuple[bytes, tuple[int, int]]:
        """A 16-bit PNG, which loses nothing, and its (width, height)."""
        if picture.rgb is not None or (picture.packet or b"").startswith(b"\xff\xd8"):
            raise DeviceError(f"camera {self.config.name} gives colours; take `depth` away from it in the rig's file")
        if picture.packet is not None:
            return picture.packet, depth_size(picture.packet)
        if picture.depth is None:
            raise ImageError("no depth at all")
        flat = picture.depth[..., 0] if picture.depth.shape[2:] == (1,) else picture.depth
        return depth_packet(flat), (flat.shape[1], flat.shape[0])
