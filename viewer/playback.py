"""What a player shows when: seeks coalesced, playing by the clock, at most two bundles on their way.

A bundle holds one frame of every camera, so cameras are in step by construction: header "!BBHII" (version, cameras,
flags, seq of the op it answers, frame), then for each camera "!BxxxI" (its index in `opened`, length) and a JPEG.
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

from viewer.errors import BadRequest, Moved, ViewerError
from viewer.frames import FRAMES, parse_height, read_frame
from viewer.sources import FrameSource

VERSION = 1
HEAD = struct.Struct("!BBHII")
CAMERA = struct.Struct("!BxxxI")
PLAYING, LACKING = 1, 2
"""Flags: sent by the clock, not by a seek; and some camera has no picture here."""
MOST_UNACKED = 2
MOST_HZ = 60.0
LEAST_RATE, MOST_RATE = 0.05, 16.0
STARVED_S = 0.08
"""How long a fast scrub may go without a picture: then one that is no longer the newest is better than none."""


class PlayerClient(Protocol):
    """Where a player's words go."""

    async def send_bundle(self, data: bytes) -> None: ...

    async def send_message(self, message: dict[str, Any]) -> None: ...

    async def reopen(self) -> tuple[FrameSource, tuple[int, int] | None]:
        """The episode's files as they are now, and its trim in frames; raises ViewerError."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """Playing from frame `first`, over [begin, end). Position p counts the frames that have passed."""

    first: int
    begin: int
    end: int
    rate_hz: float  # frames of the episode in a second of the clock
    loop: bool

    @property
    def step(self) -> int:
        """Frames from one bundle to the next: more than one where the rate is beyond what a screen shows."""
        return max(1, math.ceil(self.rate_hz / MOST_HZ))

    @property
    def last(self) -> int | None:
        """The last position, None where it goes round for ever."""
        return None if self.loop else self.end - 1 - self.first

    def frame(self, position: int) -> int:
        if not self.loop:
            return min(self.first + position, self.end - 1)
        return self.begin + (self.first - self.begin + position) % (self.end - self.begin)

    def after(self, position: int, elapsed_s: float) -> int:
        """The next position to show: late ones are skipped, the last one never."""
        now = math.floor(elapsed_s * self.rate_hz)
        ahead = position + self.step
        if now > ahead:
            ahead += (now - ahead) // self.step * self.step
        return ahead if self.last is None else min(ahead, self.last)


class Player:
    """One viewer's player. The ops return at once; `run` does the work until it is cancelled."""

    def __init__(self, source: FrameSource, door: PlayerClient, trim: tuple[int, int] | None = None) -> None:
        self.source = source
        self.trim = trim
        self._door = door
        self._changed = asyncio.Event()
        self._keys: tuple[str, ...] | None = None  # None: all
        self._height: int | None = None
        self._seq = 0
        self._op = 0  # counts what was asked, so that work can see that it is no longer wanted
        self._still: float | None = None  # a frame that was asked for and not yet sent
        self._run: Run | None = None
        self._shown: int | None = None
        self._direction = 1
        self._unacked: deque[int] = deque()
        self._sent_at = -math.inf
        self._said: set[tuple[str, int]] = set()
        self._warmed = -1

    # --- what a viewer asks ---------------------------------------------------------------------------
    def handle(self, message: dict[str, Any]) -> None:
        """One op as it came; raises BadRequest with words for the person who wrote the client."""
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
        frame, seq = parse_number(message, "frame"), parse_seq(message)
        self._begin(seq)
        self._still = frame

    def _play(self, message: dict[str, Any]) -> None:
        frame, seq = parse_number(message, "frame"), parse_seq(message)
        rate = parse_number(message, "rate", 1.0)
        if not LEAST_RATE <= rate <= MOST_RATE:
            raise BadRequest(f"rate {rate:g}: write {LEAST_RATE} to {MOST_RATE}")
        self._begin(seq)
        first = self._clamp(frame)
        begin, end = 0, max(1, self.source.frames)
        if self.trim and self.trim[0] <= first < self.trim[1] and message.get("loop"):
            begin, end = self.trim
        self._run = Run(first, begin, end, self.source.fps * rate, bool(message.get("loop")))

    def _pause(self, message: dict[str, Any]) -> None:
        self._begin(parse_seq(message))

    def _ack(self, message: dict[str, Any]) -> None:
        frame = parse_number(message, "frame")
        if frame in self._unacked:
            while self._unacked.popleft() != frame:
                pass

    def _cameras(self, message: dict[str, Any]) -> None:
        keys, known = message.get("keys"), [camera.key for camera in self.source.cameras]
        if not isinstance(keys, list) or not all(key in known for key in keys):
            raise BadRequest(f"keys: write a list of {', '.join(known) or 'nothing: there is no camera'}")
        self._height = parse_height(message.get("height"))
        self._keys = tuple(dict.fromkeys(keys))
        if self._run is None and self._still is None and self._shown is not None:
            self._op += 1
            self._still = self._shown

    def _begin(self, seq: int) -> None:
        self._seq = seq
        self._op += 1
        self._still = None
        self._run = None

    def _clamp(self, frame: float) -> int:
        return int(min(max(frame, 0), max(0, self.source.frames - 1)))

    # --- the work -------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            try:
                if self._still is not None:
                    await self._answer(self._still)
                elif self._run is not None:
                    await self._play_on(self._run)
                else:
                    await self._warm_up()
                    await self._until(lambda: self._still is not None or self._run is not None)
            except ViewerError as error:
                self._still = self._run = None
                await self._door.send_message({"type": "error", "message": str(error)})

    async def _answer(self, wanted: float) -> None:
        op = self._op
        if not await self._room(op):
            return
        if self.source.growing and wanted >= self.source.frames:
            await self._open_again()
        frame = self._clamp(wanted)
        data = await self._bundle(frame, 0)
        if op == self._op:
            self._still = None
        elif self._still is None or self._now() - self._sent_at < STARVED_S:
            return
        await self._send(frame, data)

    async def _play_on(self, run: Run) -> None:
        op, position, began = self._op, 0, 0.0
        while await self._room(op):
            if position:
                # The clock ran on while the viewer was slow.
                position = run.after(position - run.step, self._now() - began)
            data = await self._bundle(run.frame(position), PLAYING)
            began = began or self._now()
            await self._until(lambda: op != self._op, until=began + position / run.rate_hz)
            if op != self._op:
                return
            await self._send(run.frame(position), data)
            if position == run.last:
                self._run = None
                await self._door.send_message({"type": "ended"})
                return
            position = run.after(position, self._now() - began)

    async def _warm_up(self) -> None:
        """Make the neighbours of the frame that is shown while nobody asks: the next key press finds them ready."""
        if not self.source.decodes or self._shown is None or self._warmed == self._op:
            return
        op = self._warmed = self._op
        for step in (self._direction, -self._direction, 2 * self._direction):
            if op == self._op and 0 <= (n := self._shown + step) < self.source.frames:
                await self._pictures(n)

    async def _bundle(self, frame: int, flags: int) -> bytes:
        """One frame of every wanted camera; one that cannot be read is left out, and said."""
        seq = self._seq
        pictures = await self._pictures(frame)
        if any(isinstance(picture, Moved) for _, picture in pictures):
            await self._open_again()
            frame = self._clamp(frame)
            pictures = await self._pictures(frame)
        parts: list[bytes] = []
        for index, picture in pictures:
            if isinstance(picture, bytes):
                parts += [CAMERA.pack(index, len(picture)), picture]
            else:
                flags |= LACKING
                await self._say(self.source.cameras[index].key, picture)
        return HEAD.pack(VERSION, len(parts) // 2, flags, seq, frame) + b"".join(parts)

    async def _pictures(self, frame: int) -> list[tuple[int, bytes | ViewerError]]:
        """For each wanted camera its index in `opened`, and its JPEG or why there is none."""
        wanted = [
            (index, camera.key)
            for index, camera in enumerate(self.source.cameras)
            if self._keys is None or camera.key in self._keys
        ]
        made = await asyncio.gather(*(self._picture(key, frame) for _, key in wanted))
        return [(index, picture) for (index, _), picture in zip(wanted, made, strict=True)]

    async def _picture(self, key: str, frame: int) -> bytes | ViewerError:
        try:
            return await FRAMES.run(read_frame, self.source, key, frame, self._height)
        except ViewerError as error:
            return error

    async def _send(self, frame: int, data: bytes) -> None:
        if self._shown is not None and frame != self._shown:
            self._direction = 1 if frame > self._shown else -1
        self._shown = frame
        self._unacked.append(frame)
        self._sent_at = self._now()
        await self._door.send_bundle(data)

    async def _say(self, camera: str, error: ViewerError) -> None:
        """A camera's fault, once for each op: playing over a gap is not a flood."""
        if (camera, self._op) not in self._said:
            self._said = {said for said in self._said if said[1] == self._op} | {(camera, self._op)}
            await self._door.send_message({"type": "error", "message": str(error), "camera": camera})

    async def _open_again(self) -> None:
        self.source, self.trim = await self._door.reopen()

    async def _room(self, op: int) -> bool:
        """Wait until the viewer has room for a bundle; return False if the viewer made another request."""
        await self._until(lambda: op != self._op or len(self._unacked) < MOST_UNACKED)
        return op == self._op

    async def _until(self, done: Callable[[], bool], *, until: float | None = None) -> None:
        """Wait until `done`, asked at every op, or until that time of the loop's clock."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def parse_number(message: dict[str, Any], name: str, default: float | None = None) -> float:
    """A finite number from a message; raises BadRequest."""
    value = message.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e15:
        raise BadRequest(f"{name}: write a number, got {value!r:.40}")
    return value


def parse_seq(message: dict[str, Any]) -> int:
    """The number that the answer's header repeats; raises BadRequest beyond 32 bits."""
    value = message.get("seq", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise BadRequest(f"seq: write a whole number of 0 to {(1 << 32) - 1}, got {value!r:.40}")
    return value
