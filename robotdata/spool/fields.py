"""Check the fields of an untrusted JSON object one by one: keep the valid ones; remove and report the others."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FIRST_YEAR, LAST_YEAR = 1970, 2999
_MOST_ODD = 50


@dataclass(frozen=True, slots=True)
class OddField:
    """An invalid field: its path, such as `curation.labels.2`, and a `reason` like "must be text, but is 3"."""

    field: str
    reason: str

    @property
    def name(self) -> str:
        """Return the top-level field of the path."""
        return self.field.split(".", 1)[0]

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


class Fields:
    """The copy `checked` of one object, from which each check removes what is invalid and notes it in `odd`.

    A missing field is valid for every check. `where` is the path of the object, with a dot at its end.
    """

    def __init__(self, value: Mapping[str, Any], where: str = "") -> None:
        self.checked = dict(value)
        self.odd: list[OddField] = []
        self._where = where

    def put_aside(self, name: str, want: str) -> None:
        """Remove the field and report that it must be `want`, as the end of a sentence."""
        value = self.checked.pop(name, None)
        self._note(name, value, want)

    def check(self, name: str, is_valid: Callable[[Any], bool], want: str) -> None:
        """Keep the field if `is_valid` returns True for it."""
        if name in self.checked and not is_valid(self.checked[name]):
            self.put_aside(name, want)

    def text(self, name: str, longest: int, *, or_none: bool = False) -> None:
        """Check a text; None counts as missing unless `or_none`. A text that is too long is cut, and reported."""
        value = self.checked.get(name)
        if value is None:
            if not or_none:
                self.checked.pop(name, None)
        elif not isinstance(value, str):
            self.put_aside(name, "text")
        elif len(value) > longest:
            self.checked[name] = value[:longest]
            self._note(name, value, f"a text of at most {longest} characters")

    def timestamp(self, name: str) -> None:
        """Check a date and time as ISO 8601 text, of a year from FIRST_YEAR to LAST_YEAR."""
        value = self.checked.get(name)
        if value is not None and parse_timestamp(value) is None:
            self.put_aside(name, "a date and time in ISO 8601")

    def number(self, name: str, least: float, most: float) -> None:
        """Check a number or None."""
        want = f"a number, {least:g} to {most:g}"
        self.check(name, lambda v: v is None or (is_number(v) and least <= v <= most), want)

    def objects(self, name: str, is_valid: Callable[[Any], bool], want: str) -> None:
        """Check an object; remove its items for which `is_valid` returns False."""
        value = self.checked.get(name)
        if value is None:
            self.checked.pop(name, None)
        elif not isinstance(value, dict):
            self.put_aside(name, f"an object, each item {want}")
        else:
            self.checked[name] = {key: item for key, item in value.items() if is_valid(item)}
            for key in value.keys() - self.checked[name].keys():
                self._note(f"{name}.{key}", value[key], want)

    def items(self, name: str, check: Callable[[Any], Any], most: int) -> None:
        """Check a list of at most `most` items; replace each item by `check(item)`, remove it on ValueError."""
        value = self.checked.get(name)
        if value is None:
            self.checked.pop(name, None)
            return
        if not isinstance(value, list):
            self.put_aside(name, "a list")
            return
        kept = []
        for index, item in enumerate(value[:most]):
            try:
                kept.append(check(item))
            except ValueError as error:
                self._note(f"{name}.{index}", item, str(error))
        if len(value) > most:
            self._note(name, len(value), f"a list of at most {most}")
        self.checked[name] = kept

    def inner(self, name: str, check: Callable[[Fields], None], needed: tuple[str, ...] = ()) -> None:
        """Check an object with its own fields; remove it as a whole if one that is `needed` is missing."""
        value = self.checked.get(name)
        if value is None:
            self.checked.pop(name, None)
            return
        if not isinstance(value, dict):
            self.put_aside(name, "an object")
            return
        inside = Fields(value, f"{self._where}{name}.")
        check(inside)
        self.odd += inside.odd
        missing = [key for key in needed if key not in inside.checked]
        if missing:
            self.checked.pop(name)
            if not inside.odd:
                self._note(name, value, f"an object with {' and '.join(missing)}")
        else:
            self.checked[name] = inside.checked

    def _note(self, name: str, value: Any, want: str) -> None:
        if len(self.odd) < _MOST_ODD:
            self.odd.append(OddField(f"{self._where}{name}"[:200], f"must be {want}, but is {short_repr(value)}"))


def is_number(value: Any) -> bool:
    """Return whether `value` is an int or a float, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_timestamp(value: Any) -> datetime | None:
    """Return the time of an ISO 8601 text in UTC, which is also the default zone; None if invalid or out of range."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        when = datetime.fromisoformat(value)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        when = when.astimezone(UTC)
        if FIRST_YEAR <= when.year <= LAST_YEAR:
            return when
    return None


def short_repr(value: Any) -> str:
    """Return `repr(value)`, cut to 60 characters; repr escapes what terminals and columns do not accept."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
