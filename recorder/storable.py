"""Text from outside, as every database and every browser takes it."""

from __future__ import annotations

import re
from typing import Any

# PostgreSQL has no NUL in text or jsonb, and nothing encodes half of a surrogate pair.
_ODD = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def storable(value: Any) -> Any:
    """The JSON value with U+FFFD for every character that no database keeps, in keys too; others stay as they are."""
    if isinstance(value, str):
        return _ODD.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
