"""Check the arguments of an ask, one by one; every refusal names the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robotdata.station.errors import AskRefused

MOST_NAMES = 50


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


def names(args: Mapping[str, Any], key: str, default: Sequence[str]) -> list[str]:
    """Return a list of up to MOST_NAMES texts, `default` where there is none. Raises AskRefused."""
    value = args.get(key, list(default))
    if not isinstance(value, list) or len(value) > MOST_NAMES:
        raise AskRefused("bad_args", f"{key}: want a list of at most {MOST_NAMES} names, got {value!r:.60}")
    return [text({key: each}, key) for each in value]


def position(args: Mapping[str, Any], key: str) -> int:
    """Return a whole number from 0. Raises AskRefused."""
    value = args.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise AskRefused("bad_args", f"{key}: want a position from 0, got {value!r:.60}")
    return value


def number(args: Mapping[str, Any], key: str, low: float, high: float) -> float:
    """Return a number from `low` to `high`. Raises AskRefused."""
    value = args.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise AskRefused("bad_args", f"{key}: want a number from {low:g} to {high:g}, got {value!r:.60}")
    return value


def whole(args: Mapping[str, Any], key: str, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`. Raises AskRefused."""
    value = number(args, key, low, high)
    if value != int(value):
        raise AskRefused("bad_args", f"{key}: want a whole number, got {value!r:.60}")
    return int(value)


def plain_table(args: Mapping[str, Any], key: str) -> dict[str, str | int | float | bool]:
    """Return a table of at most MOST_NAMES plain values. Raises AskRefused."""
    value = args.get(key)
    if not isinstance(value, dict) or len(value) > MOST_NAMES:
        raise AskRefused("bad_args", f"{key}: want a table, got {value!r:.60}")
    for name, each in value.items():
        if not isinstance(each, str | int | float) or len(str(each)) > 1000:
            raise AskRefused("bad_args", f"{key}.{name:.60}: want text or a number, got {each!r:.60}")
    return dict(value)
