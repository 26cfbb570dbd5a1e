"""Presses: recognises one press of the emergency stop that arrives more than once."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from typing import Any

from robotdata.capture import clock

KEPT_S = 60.0
"""A page repeats a press for 10 s. A program that always sends the same id means a new press after this time."""
_REMEMBERED = 1000


class Presses:
    """A page sends each press by two ways and repeats it until it is confirmed, always with the same UUID as its id.

    Without this, the copy that arrives last would be a newer stop: it would refuse the `clear_error` of a person who
    has seen the first, or stop the robot again after that.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[uuid.UUID, float] = OrderedDict()

    def is_new(self, press: Any) -> bool:
        """Return whether this press was not carried out in the last KEPT_S. An id that is not a UUID is always new."""
        while self._seen and next(iter(self._seen.values())) < clock.monotonic() - KEPT_S:
            self._seen.popitem(last=False)
        key = _key(press)
        return key is None or key not in self._seen

    def remember(self, press: Any) -> None:
        """Note that this press has been carried out."""
        if (key := _key(press)) is not None:
            self._seen[key] = clock.monotonic()
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)


def _key(press: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(press) if isinstance(press, str) and len(press) == 36 else None
    except ValueError:
        return None
