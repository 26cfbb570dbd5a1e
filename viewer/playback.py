"""Decide which frames a player sends and when.

Seeks are coalesced, playback follows the clock, and at most two bundles are unacknowledged. A bundle holds the same
frame of every camera. Layout: header "!BBHII" (version, number of cameras, flags, seq of the operation that it answers,
frame), then for each camera "!BxxxI" (its index in `opened`, length in bytes) and a JPEG.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from viewer.errors import BadRequest, FilesChanged, ViewerError
from viewer.frames import FRAMES, parse_height, read_frame
from viewer.sources import FrameSource

VERSION = 1
HEAD = struct.Struct("!BBHII")
CAMERA = struct.Struct("!BxxxI")
PLAYING, INCOMPLETE = 1, 2
"""Flags of a bundle: it is sent by playback, not by a seek; a requested camera has no image here."""
MAX_UNACKED = 2
"""Bundles that may be sent before the browser acknowledges one."""
MAX_HZ = 60.0
"""Bundles per second; faster playback skips frames."""
MIN_RATE, MAX_RATE = 0.05, 16.0
STARVED_S = 0.08
"""While scrubbing, a bundle that a newer seek has replaced is still sent if none was sent for this long."""


class PlayerClient(Protocol):
    """Where a player sends its output."""

    async def send_bundle(self, data: bytes) -> None:
        """Send one bundle of frames."""

    async def send_message(self, message: dict[str, Any]) -> None:
        """Send one JSON message."""

    async def reopen(self) -> tuple[FrameSource, tuple[int, int] | None]:
        """Open the episode's files as they are now. Return the source and the trim in frames. Raises ViewerError."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """Playback from frame `first` within the frames [begin, end). A position counts the frames since the start."""

    first: int
    begin: int
    end: int
    rate_hz: float  # frames of the episode per second of real time
    loop: bool

    @property
    def step(self) -> int:
        """Frames from one bundle to the next: more than 1 if `rate_hz` exceeds MAX_HZ."""
        return max(1, math.ceil(self.rate_hz / MAX_HZ))

    @property
    def last(self) -> int | None:
        """The last position; None if playback loops."""
        return None if self.loop else self.end - 1 - self.first

    def frame(self, position: int) -> int:
        """Return the frame at `position`."""
        if not self.loop:
            return min(self.first + position, self.end - 1)
        return self.begin + (self.first - self.begin + position) % (self.end - self.begin)

    def after(self, position: int, elapsed_s: float) -> int:
        """Return the position to send after `position`. Late positions are skipped, but never the last one."""
        now = math.floor(elapsed_s * self.rate_hz)
        ahead = position + self.step
        if now > ahead:
            ahead += (now - ahead) // self.step * self.step
        return ahead if self.last is None else min(ahead, self.last)


class Player:
    """The player of one browser. `handle` takes an operation and returns at once; `run` works until cancelled."""

    def __init__(self, source: FrameSource, client: PlayerClient, trim: tuple[int, int] | None = None) -> None:
        self.source = source
        self.trim = trim
        self._client = client
        self._changed = asyncio.Event()
        self._keys: tuple[str, ...] | None = None  # None: all
        self._height: int | None = None
        self._seq = 0
        self._op = 0  # counts the operations, so that unfinished work can detect a newer one
        self._requested_frame: float | None = None  # of a seek that is not answered yet
        self._run: Run | None = None
        self._sent_frame: int | None = None
        self._direction = 1
        self._unacked: deque[int] = deque()
        self._sent_at = -math.inf
        self._reported: set[tuple[str, int]] = set()
        self._prefetched_op = -1

    # --- operations of the browser --------------------------------------------------------------------
    def handle(self, message: dict[str, Any]) -> None:
        """Apply one operation. Raises BadRequest; its message is for the developer of the client."""
        ops: dict[Any, Callable[[dict[str, Any]], None]] = {
            "seek": self._seek,
            "play": self._play,
            "pause": self._pause,
            "ack": self._ack,
            "cameras": self._cameras,
        }
        op = message.get("op")
        if not isinstance(op, str) or op not in ops:
            raise BadRequest(f"op {op!r:.40}: write one of {', '.join(ops)}")
        ops[op](message)
        self._changed.set()

    def _seek(self, message: dict[str, Any]) -> None:
        """Show one frame and stop playback."""
        frame, seq = parse_number(message, "frame"), parse_seq(message)
        self._begin(seq)
        self._requested_frame = frame

    def _play(self, message: dict[str, Any]) -> None:
        """Play from a frame. A loop that starts inside the trim stays inside it."""
        frame, seq = parse_number(message, "frame"), parse_seq(message)
        rate = parse_number(message, "rate", 1.0)
        if not MIN_RATE <= rate <= MAX_RATE:
            raise BadRequest(f"rate {rate:g}: write {MIN_RATE} to {MAX_RATE}")
        self._begin(seq)
        first = self._clamp(frame)
        begin, end = 0, max(1, self.source.frames)
        if self.trim and self.trim[0] <= first < self.trim[1] and message.get("loop"):
            begin, end = self.trim
        self._run = Run(first, begin, end, self.source.fps * rate, bool(message.get("loop")))

    def _pause(self, message: dict[str, Any]) -> None:
        """Stop playback at the frame sent last."""
        self._begin(parse_seq(message))

    def _ack(self, message: dict[str, Any]) -> None:
        """Acknowledge a bundle and all bundles sent before it."""
        frame = parse_number(message, "frame")
        if frame in self._unacked:
            while self._unacked.popleft() != frame:
                pass

    def _cameras(self, message: dict[str, Any]) -> None:
        """Choose the cameras and the height of the images; send the current frame again with them."""
        keys, known = message.get("keys"), [camera.key for camera in self.source.cameras]
        if not isinstance(keys, list) or not all(key in known for key in keys):
            raise BadRequest(f"keys: write a list of {', '.join(known) or 'nothing: there is no camera'}")
        self._height = parse_height(message.get("height"))
        self._keys = tuple(dict.fromkeys(keys))
        if self._run is None and self._requested_frame is None and self._sent_frame is not None:
            self._op += 1
            self._requested_frame = self._sent_frame

    def _begin(self, seq: int) -> None:
        """Discard the work of earlier operations."""
        self._seq = seq
        self._op += 1
        self._requested_frame = None
        self._run = None

    def _clamp(self, frame: float) -> int:
        """Return the valid frame nearest to `frame`."""
        return int(min(max(frame, 0), max(0, self.source.frames - 1)))

    # --- the work -------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Answer operations until cancelled."""
        while True:
            try:
                if self._requested_frame is not None:
                    await self._answer_seek(self._requested_frame)
                elif self._run is not None:
                    await self._play_run(self._run)
                else:
                    await self._prefetch()
                    await self._wait_until(lambda: self._requested_frame is not None or self._run is not None)
            except ViewerError as error:
                self._requested_frame = self._run = None
                await self._client.send_message({"type": "error", "message": str(error)})

    async def _answer_seek(self, requested: float) -> None:
        """Send the bundle of a seek, unless a newer operation replaced it."""
        op = self._op
        if not await self._wait_for_room(op):
            return
        if self.source.growing and requested >= self.source.frames:
            await self._reopen()
        frame = self._clamp(requested)
        data = await self._bundle(frame, 0)
        if op == self._op:
            self._requested_frame = None
        elif self._requested_frame is None or self._now() - self._sent_at < STARVED_S:
            return
        await self._send(frame, data)

    async def _play_run(self, run: Run) -> None:
        """Send the bundles of `run` by the clock until it ends or an operation replaces it."""
        op, position, began = self._op, 0, 0.0
        while await self._wait_for_room(op):
            if position:
                # Time has passed while the browser was slow to acknowledge.
                position = run.after(position - run.step, self._now() - began)
            data = await self._bundle(run.frame(position), PLAYING)
            began = began or self._now()
            await self._wait_until(lambda: op != self._op, until=began + position / run.rate_hz)
            if op != self._op:
                return
            await self._send(run.frame(position), data)
            if position == run.last:
                self._run = None
                await self._client.send_message({"type": "ended"})
                return
            position = run.after(position, self._now() - began)

    async def _prefetch(self) -> None:
        """Decode the neighbours of the current frame into the cache, so that the next key press is fast."""
        if not self.source.decodes or self._sent_frame is None or self._prefetched_op == self._op:
            return
        op = self._prefetched_op = self._op
        for step in (self._direction, -self._direction, 2 * self._direction):
            if op == self._op and 0 <= (n := self._sent_frame + step) < self.source.frames:
                await self._images(n)

    async def _bundle(self, frame: int, flags: int) -> bytes:
        """Return one frame of every requested camera. A camera that cannot be read is left out and reported."""
        seq = self._seq
        images = await self._images(frame)
        if any(isinstance(image, FilesChanged) for _, image in images):
            await self._reopen()
            frame = self._clamp(frame)
            images = await self._images(frame)
        parts: list[bytes] = []
        for index, image in images:
            if isinstance(image, bytes):
                parts += [CAMERA.pack(index, len(image)), image]
            else:
                flags |= INCOMPLETE
                await self._report_camera(self.source.cameras[index].key, image)
        return HEAD.pack(VERSION, len(parts) // 2, flags, seq, frame) + b"".join(parts)

    async def _images(self, frame: int) -> list[tuple[int, bytes | ViewerError]]:
        """Return, for each requested camera, its index in `opened` and its JPEG, or the error that prevents it."""
        requested = [
            (index, camera.key)
            for index, camera in enumerate(self.source.cameras)
            if self._keys is None or camera.key in self._keys
        ]
        images = await asyncio.gather(*(self._image(key, frame) for _, key in requested))
        return [(index, image) for (index, _), image in zip(requested, images, strict=True)]

    async def _image(self, key: str, frame: int) -> bytes | ViewerError:
        """Return the JPEG of one camera, or the error that prevents it."""
        try:
            return await FRAMES.run(read_frame, self.source, key, frame, self._height)
        except ViewerError as error:
            return error

    async def _send(self, frame: int, data: bytes) -> None:
        """Send a bundle and remember it as unacknowledged."""
        if self._sent_frame is not None and frame != self._sent_frame:
            self._direction = 1 if frame > self._sent_frame else -1
        self._sent_frame = frame
        self._unacked.append(frame)
        self._sent_at = self._now()
        await self._client.send_bundle(data)

    async def _report_camera(self, camera: str, error: ViewerError) -> None:
        """Send why a camera has no image, once per operation, so that playing over a gap sends one message."""
        if (camera, self._op) not in self._reported:
            self._reported = {entry for entry in self._reported if entry[1] == self._op} | {(camera, self._op)}
            await self._client.send_message({"type": "error", "message": str(error), "camera": camera})

    async def _reopen(self) -> None:
        """Open the episode's files as they are now."""
        self.source, self.trim = await self._client.reopen()

    async def _wait_for_room(self, op: int) -> bool:
        """Wait until the browser may receive a bundle. Return False if a newer operation arrived meanwhile."""
        await self._wait_until(lambda: op != self._op or len(self._unacked) < MAX_UNACKED)
        return op == self._op

    async def _wait_until(self, done: Callable[[], bool], *, until: float | None = None) -> None:
        """Wait until `done()` is true, or until the event loop's time `until`. Every operation wakes it up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()

    @staticmethod
    def _now() -> float:
        """Return the event loop's time in seconds."""
        return asyncio.get_running_loop().time()


def parse_number(message: dict[str, Any], name: str, default: float | None = None) -> float:
    """Return a finite number of a message. Raises BadRequest."""
    value = message.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e15:
        raise BadRequest(f"{name}: write a number, got {value!r:.40}")
    return value


def parse_seq(message: dict[str, Any]) -> int:
    """Return the sequence number that the answer repeats, 0 to 2^32 - 1. Raises BadRequest."""
    value = message.get("seq", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise BadRequest(f"seq: write a whole number of 0 to {(1 << 32) - 1}, got {value!r:.40}")
    return value
