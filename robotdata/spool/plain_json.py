"""JSON from outside: finite numbers, ordinary depth, or a ValueError in words."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 64


def read_json(data: bytes | str, *, nan: bool = False) -> Any:
    """Parse JSON. NaN and infinity become None, or stay with `nan`: LeRobot writes them into its statistics.

    Raises ValueError with the reason, as the end of a sentence about the file.
    """
    try:
        value = json.loads(data) if nan else json.loads(data, parse_constant=lambda _name: None, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not valid JSON: {str(error)[:200]}") from error
    if is_deeper(value, MAX_DEPTH):
        raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
    return value


def is_deeper(value: Any, most: int) -> bool:
    """Return whether lists and objects are nested more than `most` levels, deeper than any writer accepts."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def finite(text: str) -> float | None:
    """Return the number; None if it is too large for a float."""
    number = float(text)
    return number if math.isfinite(number) else None
