"""How much of a sweep runs: a sample of it in the gates, all of it with ROBOTDATA_THOROUGH=1 (`make thorough`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

THOROUGH = bool(os.environ.get("ROBOTDATA_THOROUGH"))
T = TypeVar("T")


def every(step: int) -> int:
    """Return the step of a sweep: `step` in a sample, else 1."""
    return 1 if THOROUGH else step


def at_most(count: int) -> int:
    """Return a number of examples: a quarter of `count` in a sample."""
    return count if THOROUGH else -(-count // 4)


def each_kind(kinds: Sequence[T], step: int) -> list[int]:
    """Return the positions to try: in a sample the first and the last of each kind, and every `step`-th."""
    if THOROUGH:
        return list(range(len(kinds)))
    firsts = {kind: position for position, kind in reversed(list(enumerate(kinds)))}
    lasts = {kind: position for position, kind in enumerate(kinds)}
    return sorted({*firsts.values(), *lasts.values(), *range(0, len(kinds), step)})
