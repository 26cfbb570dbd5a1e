"""Whether a camera's pictures are worth recording: said within two seconds, and marked in the take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.errors import DecodeError
from robotdata.video.jpeg import ImageError, decode_jpeg

STALE_PERIODS = 3
LOST_AFTER_NS = 2_000_000_000
FROZEN_AFTER_NS = 1_000_000_000
LOOK_EVERY_NS = 400_000_000
BLACK_BELOW = 10.0
FLAT_BELOW = 2.0
MEASURED_AT_LEAST = 0.01
SLOW_BELOW = 0.8  # of the configured rate
_RATE_EVERY_NS, _RATE_SAMPLES = 250_000_000, 17
_RATE_FRAMES, _RATE_NS = 5, 3_000_000_000  # a rate is measured over no less than both of these

TEXTS = {
    "stale": "sends no new frames",
    "lost": "is disconnected",
    "frozen": "repeats the same image",
    "black": "is black. Check the lens cap",
    "flat": "shows one flat colour",
}


class CameraHealth:
    """Fed with each packet by the camera's thread; asked by any other. Times are monotonic ns."""

    def __init__(self, fps: float, now_ns: int, look: Callable[[bytes], str] | None = None) -> None:
        self._look_at = look or look_of
        self._stale_ns = int(STALE_PERIODS * 1e9 / fps)
        self._seen_ns = self._changed_ns = now_ns
        self._looked_ns = 0
        self._last = b""
        self._look = "ok"
        self._suspect = "ok"
        self.failed: str | None = None
        self.frames = 0
        self._fps = fps
        self._counted: deque[tuple[int, int]] = deque(maxlen=_RATE_SAMPLES)
        self._rate: float | None = None

    def add(self, packet: bytes, captured_ns: int) -> None:
        """A frame has come."""
        self.frames += 1
        self.failed = None
        self._count(captured_ns)
        self._seen_ns = captured_ns
        if packet != self._last:
            self._last, self._changed_ns = packet, captured_ns
        if captured_ns - self._looked_ns >= LOOK_EVERY_NS:
            self._looked_ns = captured_ns
            found = self._look_at(packet)
            # Twice in a row: one dark frame is a hand before the lens.
            self._look = found if found == self._suspect else "ok"
            self._suspect = found

    def _count(self, captured_ns: int) -> None:
        """Measure the rate again, over the last four seconds or so; a camera that was away starts over."""
        if captured_ns - self._seen_ns > LOST_AFTER_NS or captured_ns < self._seen_ns:
            self._counted.clear()
            self._rate = None
        if self._counted and captured_ns - self._counted[-1][0] < _RATE_EVERY_NS:
            return
        self._counted.append((captured_ns, self.frames))
        taken_ns, frames = captured_ns - self._counted[0][0], self.frames - self._counted[0][1]
        if taken_ns >= _RATE_NS and frames >= _RATE_FRAMES:
            self._rate = frames * 1e9 / taken_ns

    @property
    def slow_fps(self) -> float | None:
        """The rate at which frames come, where that is much below the configured one; else None."""
        rate = self._rate
        return rate if rate is not None and rate < SLOW_BELOW * self._fps else None

    def fail(self, why: str) -> None:
        """The device says that it is gone."""
        self.failed = why

    def state(self, now_ns: int) -> str:
        """ok, stale, lost, frozen, black or flat; the gravest where several are true."""
        age = now_ns - self._seen_ns
        if self.failed is not None or age > max(LOST_AFTER_NS, self._stale_ns):
            return "lost"
        if age > self._stale_ns:
            return "stale"
        if self._look != "ok":
            return self._look
        return "frozen" if self._seen_ns - self._changed_ns > FROZEN_AFTER_NS else "ok"

    def age_s(self, now_ns: int) -> float | None:
        """Seconds since the newest frame; None before the first."""
        return max(0.0, (now_ns - self._seen_ns) / 1e9) if self.frames else None


def look_of_depth(packet: bytes) -> str:
    """black where a depth camera measures nothing; a wall that fills its picture is no fault."""
    try:
        depth = depth_of_packet(packet)
    except DecodeError:
        return "ok"
    return "black" if np.count_nonzero(depth) < MEASURED_AT_LEAST * depth.size else "ok"


def look_of(packet: bytes) -> str:
    """ok, black or flat: what a JPEG shows."""
    try:
        small = decode_jpeg(packet, scale=8)
    except ImageError:
        return "ok"
    if float(small.mean()) < BLACK_BELOW:
        return "black"
    return "flat" if float(small.std(axis=(0, 1)).max()) < FLAT_BELOW else "ok"
