"""Check the arguments of an ask, one by one; every refusal names the argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robotdata.station.errors import AskRefused


def text(args: Mapping[str, Any], key: str, limit: int = 200) -> str:
    """Return a text of at most `limit` characters. Raises AskRefused."""
    value = args.get(key)
    if not isinstance(value, str) or len(value) > limit:
        raise AskRefused("bad_args", f"{key}: want text of at most {limit} characters, got {value!r:.60}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise AskRefused("bad_args", f"{key}: holds half a character, which no file can hold: {value!r:.60}") from None
    return value


def position(args: Mapping[str, Any], key: str) -> int:
    """Return a whole number from 0. Raises AskRefused."""
    value = args.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise AskRefused("bad_args", f"{key}: want a position from 0, got {value!r:.60}")
    return value
