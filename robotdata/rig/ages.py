"""How long a message was on its way, between two machines whose clocks need not agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


def way_s(message: Mapping[str, Any], came: float) -> float:
    """Return for how many seconds at most a message was on its way that `came` at this time of the rig's clock.

    `echo` is the `clock` of the newest status that the server had when it sent the message, `held_s` for how long it
    had had that. What the status was on its way counts as well: a person who saw an old status decided by it. Return 0
    for a message without them.
    """
    echo, held_s = message.get("echo"), message.get("held_s")
    if not _is_seconds(echo) or not _is_seconds(held_s):
        return 0.0
    return max(0.0, came - echo - max(0.0, held_s))


def _is_seconds(value: Any) -> TypeGuard[float]:
    # By a comparison, which NaN fails too.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
