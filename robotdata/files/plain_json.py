"""Parse untrusted JSON: numbers must be finite and the nesting shallow, else ValueError."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 64
_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"


def read_json(data: bytes | str, *, nan: bool = False) -> Any:
    """Parse JSON. NaN and infinity become None; with `nan` they stay, because LeRobot writes them into statistics.

    Raises ValueError, whose message is the predicate of a sentence: "is not valid JSON: ...".
    """
    try:
        value = json.loads(data) if nan else json.loads(data, parse_constant=lambda _name: None, parse_float=finite)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    except ValueError as error:
        raise ValueError(f"is not valid JSON: {str(error)[:200]}") from error
    if is_deeper(value, MAX_DEPTH):
        raise ValueError(_TOO_DEEP)
    return value


def is_deeper(value: Any, most: int) -> bool:
    """Return whether lists and objects are nested more than `most` levels."""
    level = [value]
    for _ in range(most + 1):
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return False
    return True


def finite(text: str) -> float | None:
    """Return the number in `text`; None if it is too large for a float."""
    number = float(text)
    return number if math.isfinite(number) else None
