"""Pacing: limit the frames that are sent to one viewer but not drawn yet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

_MAX_PER_CAMERA = 2
_FAST_S = 0.25


class Pacing:
    """Counts frames that were sent and not yet drawn.

    On a slow connection only one frame of all cameras is in flight at a time, in turn. On a fast one, two of each
    camera are, so that a latency of 60 ms still allows 30 frames per second.
    """

    def __init__(self) -> None:
        self._in_flight: dict[int, deque[float]] = {}
        self._is_fast = False
        self._turn = 0
        self._last_turn: dict[int, int] = {}

    def choose(self, cameras: Iterable[int]) -> int | None:
        """Return which of these cameras may send a frame now: the one that waited longest; None if none may."""
        if not self._is_fast and any(self._in_flight.values()):
            return None
        ready = [camera for camera in cameras if len(self._in_flight.get(camera, ())) < _MAX_PER_CAMERA]
        return min(ready, key=lambda camera: self._last_turn.get(camera, 0), default=None)

    def record_sent(self, camera: int) -> None:
        """Record that a frame of `camera` was sent."""
        self._turn += 1
        self._last_turn[camera] = self._turn
        self._in_flight.setdefault(camera, deque()).append(time.monotonic())

    def record_drawn(self, camera: int) -> None:
        """Record that the oldest frame of `camera` in flight was drawn; ignored if none was sent."""
        if in_flight := self._in_flight.get(camera):
            self._is_fast = time.monotonic() - in_flight.popleft() < _FAST_S
