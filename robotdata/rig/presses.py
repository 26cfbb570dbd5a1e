"""Presses: recognises one press of the emergency stop that arrives more than once."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from typing import Any

_REMEMBERED = 1000


class Presses:
    """A page sends each press by two ways and repeats it until it is confirmed, always with the same UUID as its id.

    Without this, the copy that arrives last would be a newer stop: it would refuse the `clear_error` of a person who
    has seen the first, or stop the robot again after that.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[uuid.UUID, None] = OrderedDict()

    def is_new(self, press: Any) -> bool:
        """Return whether this press has not been seen yet, and remember it. An id that is no UUID is always new."""
        try:
            key = uuid.UUID(press) if isinstance(press, str) and len(press) == 36 else None
        except ValueError:
            key = None
        if key is None:
            return True
        if key in self._seen:
            return False
        self._seen[key] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True
