"""Pacing: how many pictures may be on their way to one viewer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

_MOST_EACH = 2
_QUICK_S = 0.25


class Pacing:
    """Counts pictures that were sent and not yet drawn.

    While a picture takes long from here to the viewer's screen, one picture of all cameras is on its way at a time, in
    turn; where it is quick, two of each camera, so that a way of 60 ms still gives 30 a second.
    """

    def __init__(self) -> None:
        self._under_way: dict[int, deque[float]] = {}
        self._quick = False
        self._turn = 0
        self._last_turn: dict[int, int] = {}

    def choose(self, cameras: Iterable[int]) -> int | None:
        """Return whose picture may go now, of these cameras: the one that waited longest; None where none may."""
        if not self._quick and any(self._under_way.values()):
            return None
        free = [camera for camera in cameras if len(self._under_way.get(camera, ())) < _MOST_EACH]
        return min(free, key=lambda camera: self._last_turn.get(camera, 0), default=None)

    def sent(self, camera: int) -> None:
        self._turn += 1
        self._last_turn[camera] = self._turn
        self._under_way.setdefault(camera, deque()).append(time.monotonic())

    def drawn(self, camera: int) -> None:
        """The oldest picture of `camera` is dealt with; one that was never sent counts for nothing."""
        if under_way := self._under_way.get(camera):
            self._quick = time.monotonic() - under_way.popleft() < _QUICK_S
