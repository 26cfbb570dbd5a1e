"""Answer for a frame that is in memory already on the event loop: changing threads would take longer than the answer.

Nothing here waits for the disk or the database. The file is read with RWF_NOWAIT; that nothing in the database has
changed since a thread looked session, user and episode up is known from memory (`DatabaseWatch`); and a look at the
take's folder counts for a second, while the open file is asked each time whether it is still the take's.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache
from django.utils import timezone

from robotdata.database_watch import DatabaseWatch
from viewer.locate import SOURCES
from viewer.media_views import FrameWanted, MediaBody, frame_body_at_once
from viewer.take_source import TakeSource

_LOOK_COUNTS_S = 1.0

Key = tuple[str, uuid.UUID]
"""A session's key and an episode."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a thread found: until when the session lasts, and the version of the take; `at` in monotonic seconds."""

    until: datetime
    version: str
    at: float


class FramesAtOnce:
    """Frames of takes that threads have answered for before. Use it on one event loop."""

    def __init__(self) -> None:
        self._watch = DatabaseWatch()
        self._looked: LRUCache[Key, Looked] = LRUCache(256)
        self._state: Hashable = None

    def state(self) -> Hashable:
        """Return the state of the database, None if it is unknown; forget what was found in another."""
        state = self._watch.state()
        if state != self._state:
            self._looked.clear()
            self._state = state
        return state

    def note(self, key: Key, found: Looked, state: Hashable) -> None:
        """Remember what a thread found after the database was in this state."""
        if state is not None and state == self._state:
            self._looked[key] = found

    def answer(self, key: Key, wanted: FrameWanted) -> MediaBody | None:
        """Return the frame; None if a thread must answer. Call `state` right before."""
        looked = self._looked.get(key)
        if looked is None or wanted.height is not None or time.monotonic() - looked.at > _LOOK_COUNTS_S:
            return None
        if looked.until <= timezone.now():
            return None
        with SOURCES.lease_open(key[1], looked.version) as source:
            return frame_body_at_once(source, wanted) if isinstance(source, TakeSource) else None
