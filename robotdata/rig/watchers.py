"""Know whether a page watches a replay: whoever sees no page cannot stop the robot from one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from robotdata.capture import clock
from robotdata.capture.inputs import InputError, Sender

DEVICE = "replay"
"""The name under which a rig takes the messages of pages that watch."""
SILENT_S = 3.0
"""A replay ends when no page has said for so long that it watches."""
LATE_S = 2.0
"""A page's word counts only if the page had an answer of the rig that is at most so old."""
FIRST_S = 30.0
"""The robot waits so long for the first page before it moves."""


class Watchers:
    """Hears the pages that watch; one is enough. Any thread may call any method."""

    def __init__(self) -> None:
        self._heard_at = -math.inf
        self._began = 0.0

    def begin(self) -> None:
        """Begin a replay: a page that watched an earlier one must say so again."""
        self._heard_at, self._began = -math.inf, clock.monotonic()

    def hear(self, sender: Sender, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take note that a page watches, and return the rig's `clock`, which its next message has as `echo`.

        `state` is `watching`, or `late` if the message proves no age: it is the first, or was held up on its way.
        Raises InputError.
        """
        now, echo = clock.monotonic(), _number(body, "echo")
        in_time = echo is not None and 0 <= now - echo <= LATE_S
        if in_time:
            self._heard_at = now
        return {"seq": _number(body, "seq"), "clock": now, "state": "watching" if in_time else "late"}

    @property
    def are_there(self) -> bool:
        """Return whether a page watches."""
        return clock.monotonic() - self._heard_at <= SILENT_S

    @property
    def are_late(self) -> bool:
        """Return whether no page has come to watch in the time that a replay waits for one."""
        return clock.monotonic() - self._began > FIRST_S


def _number(body: Mapping[str, Any], name: str) -> float | None:
    value = body.get(name)
    # By a comparison, which NaN fails too.
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53):
        raise InputError(f"{name} is {value!r:.40}, want a number or null")
    return value
