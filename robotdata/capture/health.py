"""Judge whether a camera's frames are worth recording.

A fault shows within two seconds while frames are recorded or watched. Otherwise an image is judged every four seconds,
and a black, flat or frozen one shows within nine; a lost camera always shows within two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.video.blocks import block_colours
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.errors import DecodeError
from robotdata.video.jpeg import ImageError, decode_jpeg

STALE_PERIODS = 3
LOST_AFTER_NS = 2_000_000_000
FROZEN_AFTER_NS = 1_000_000_000
CLASSIFY_EVERY_NS = 400_000_000
BLACK_BELOW = 10.0
FLAT_BELOW = 2.0
MEASURED_AT_LEAST = 0.01
SLOW_BELOW = 0.8  # of the configured rate
_RATE_EVERY_NS, _RATE_SAMPLES = 250_000_000, 17
_RATE_FRAMES, _RATE_NS = 5, 3_000_000_000  # a rate is measured over at least this many frames and this long

TEXTS = {
    "stale": "sends no new frames",
    "lost": "is disconnected",
    "frozen": "repeats the same image",
    "black": "is black. Check the lens cap",
    "flat": "shows one flat colour",
}

Classify = Callable[[bytes, NDArray[Any] | None], str]


class CameraHealth:
    """The state of one camera. The camera's thread calls `add`, `count_arrival` and `fail`; any thread may read.

    All times are monotonic ns.

    `classify` returns the state that a packet's image shows, which is ok, black or flat. It gets the image too, unless
    the camera gave no image but a packet.
    """

    def __init__(self, fps: float, now_ns: int, classify: Classify | None = None) -> None:
        self._classify = classify or classify_colour
        self._stale_ns = int(STALE_PERIODS * 1e9 / fps)
        self._newest_ns = self._added_ns = self._changed_ns = now_ns
        self._classified_ns = 0
        self._last = b""
        self._image_state = "ok"
        self._previous_state = "ok"
        self.failed: str | None = None
        self.frames = 0
        self._fps = fps
        self._samples: deque[tuple[int, int]] = deque(maxlen=_RATE_SAMPLES)  # capture time, frames until then
        self._rate: float | None = None

    def count_arrival(self, captured_ns: int) -> None:
        """Take note that a frame arrived; alone, if nobody needs its image."""
        self.frames += 1
        self.failed = None
        self._count(captured_ns)
        self._newest_ns = captured_ns

    def add(self, packet: bytes, captured_ns: int, image: NDArray[Any] | None = None) -> None:
        """Take note of a new frame; `image` is what `packet` was made of, where that is at hand."""
        self.count_arrival(captured_ns)
        if packet != self._last:
            self._last, self._changed_ns = packet, captured_ns
        self._added_ns = captured_ns
        if captured_ns - self._classified_ns >= CLASSIFY_EVERY_NS:
            self._classified_ns = captured_ns
            state = self._classify(packet, image)
            # A fault must show twice in a row: one dark frame may be a hand in front of the lens.
            self._image_state = state if state == self._previous_state else "ok"
            self._previous_state = state

    def _count(self, captured_ns: int) -> None:
        """Measure the rate over the last four seconds or so; start over after the camera was lost."""
        if captured_ns - self._newest_ns > LOST_AFTER_NS or captured_ns < self._newest_ns:
            self._samples.clear()
            self._rate = None
        if self._samples and captured_ns - self._samples[-1][0] < _RATE_EVERY_NS:
            return
        self._samples.append((captured_ns, self.frames))
        elapsed_ns, frames = captured_ns - self._samples[0][0], self.frames - self._samples[0][1]
        if elapsed_ns >= _RATE_NS and frames >= _RATE_FRAMES:
            self._rate = frames * 1e9 / elapsed_ns

    @property
    def slow_fps(self) -> float | None:
        """Return the measured rate (frames/s) if it is below `SLOW_BELOW` of the configured one, else None."""
        rate = self._rate
        return rate if rate is not None and rate < SLOW_BELOW * self._fps else None

    def fail(self, reason: str) -> None:
        """Count the camera as lost until the next frame, because its driver failed."""
        self.failed = reason

    def state(self, now_ns: int) -> str:
        """Return ok, stale, lost, frozen, black or flat; the worst if several are true."""
        age = now_ns - self._newest_ns
        if self.failed is not None or age > max(LOST_AFTER_NS, self._stale_ns):
            return "lost"
        if age > self._stale_ns:
            return "stale"
        if self._image_state != "ok":
            return self._image_state
        return "frozen" if self._added_ns - self._changed_ns > FROZEN_AFTER_NS else "ok"

    def age_s(self, now_ns: int) -> float | None:
        """Return the seconds since the newest frame; None before the first."""
        return max(0.0, (now_ns - self._newest_ns) / 1e9) if self.frames else None


def classify_depth(packet: bytes, image: NDArray[Any] | None = None) -> str:
    """Return black if a depth image (uint16 (H, W), or a 16-bit PNG) has hardly any measured pixel, else ok.

    One distance all over the image counts as ok: it may be a wall.
    """
    try:
        depth = depth_of_packet(packet) if image is None else image
    except DecodeError:
        return "ok"
    return "black" if np.count_nonzero(depth) < MEASURED_AT_LEAST * depth.size else "ok"


def classify_colour(packet: bytes, image: NDArray[Any] | None = None) -> str:
    """Return ok, black or flat for a colour image (uint8 (H, W, 3), or a JPEG); ok if it cannot be decoded.

    Blocks of 8x8 pixels are judged. Where there is an image, its JPEG is not decoded: that takes as long as encoding.
    """
    try:
        state = _state_of(decode_jpeg(packet, scale=8).reshape(-1, 3) if image is None else block_colours(image))
    except ImageError:
        return "ok"
    if state == "ok" or image is None:
        return state
    return _state_of(block_colours(image, whole=True))  # what there is to see may lie between the bands


def _state_of(colours: NDArray[Any]) -> str:
    if float(colours.mean()) < BLACK_BELOW:
        return "black"
    return "flat" if float(colours.std(axis=0).max()) < FLAT_BELOW else "ok"
