"""Pacing: limit the frames that are sent to one viewer but not drawn yet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

_MOST_EACH = 2
_QUICK_S = 0.25


class Pacing:
    """Counts frames that were sent and not yet drawn.

    On a slow connection only one frame of all cameras is in flight at a time, in turn. On a fast one, two of each
    camera are, so that a latency of 60 ms still allows 30 frames per second.
    """

    def __init__(self) -> None:
        self._under_way: dict[int, deque[float]] = {}
        self._quick = False
        self._turn = 0
        self._last_turn: dict[int, int] = {}

    def choose(self, cameras: Iterable[int]) -> int | None:
        """Return which of these cameras may send a frame now: the one that waited longest; None if none may."""
        if not self._quick and any(self._under_way.values()):
            return None
        free = [camera for camera in cameras if len(self._under_way.get(camera, ())) < _MOST_EACH]
        return min(free, key=lambda camera: self._last_turn.get(camera, 0), default=None)

    def sent(self, camera: int) -> None:
        """Record that a frame of `camera` was sent."""
        self._turn += 1
        self._last_turn[camera] = self._turn
        self._under_way.setdefault(camera, deque()).append(time.monotonic())

    def drawn(self, camera: int) -> None:
        """Record that the oldest frame of `camera` in flight was drawn; ignored if none was sent."""
        if under_way := self._under_way.get(camera):
            self._quick = time.monotonic() - under_way.popleft() < _QUICK_S
