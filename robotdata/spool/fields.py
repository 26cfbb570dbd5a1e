"""Fields of a JSON object from outside, checked one by one: a good one stays, an odd one is put aside and named."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FIRST_YEAR, LAST_YEAR = 1970, 2999
_MOST_ODD = 50


@dataclass(frozen=True, slots=True)
class Odd:
    """A field that is put aside: where it lies, as `curation.labels.2`, what it must be and what it is."""

    field: str
    why: str

    @property
    def name(self) -> str:
        """Return the outermost field."""
        return self.field.split(".", 1)[0]

    def __str__(self) -> str:
        return f"{self.field} {self.why}"


class Fields:
    """The checked copy `made` of one object, and what is `odd` in it. A field that is not there is never odd."""

    def __init__(self, value: Mapping[str, Any], where: str = "") -> None:
        self.made = dict(value)
        self.odd: list[Odd] = []
        self._where = where

    def put_aside(self, name: str, want: str) -> None:
        """Take the field out: it must be `want`, and is something else."""
        value = self.made.pop(name, None)
        self._note(name, value, want)

    def check(self, name: str, good: Callable[[Any], bool], want: str) -> None:
        """Keep the field where `good` says so."""
        if name in self.made and not good(self.made[name]):
            self.put_aside(name, want)

    def text(self, name: str, longest: int, *, or_none: bool = False) -> None:
        """Check a text; None counts as missing. A longer one is cut, and reported."""
        value = self.made.get(name)
        if value is None:
            if not or_none:
                self.made.pop(name, None)
        elif not isinstance(value, str):
            self.put_aside(name, "text")
        elif len(value) > longest:
            self.made[name] = value[:longest]
            self._note(name, value, f"a text of at most {longest} characters")

    def moment(self, name: str) -> None:
        """Check a date and time in ISO 8601, as text, of a plausible year."""
        value = self.made.get(name)
        if value is not None and read_moment(value) is None:
            self.put_aside(name, "a date and time in ISO 8601")

    def number(self, name: str, least: float, most: float) -> None:
        """Check a number or None."""
        want = f"a number, {least:g} to {most:g}"
        self.check(name, lambda v: v is None or (is_number(v) and least <= v <= most), want)

    def objects(self, name: str, good: Callable[[Any], bool], want: str) -> None:
        """Check an object; remove its items that are not `good`."""
        value = self.made.get(name)
        if value is None:
            self.made.pop(name, None)
        elif not isinstance(value, dict):
            self.put_aside(name, f"an object, each item {want}")
        else:
            self.made[name] = {key: item for key, item in value.items() if good(item)}
            for key in value.keys() - self.made[name].keys():
                self._note(f"{name}.{key}", value[key], want)

    def items(self, name: str, check: Callable[[Any], Any], most: int) -> None:
        """Check a list with `check` for each item; remove items for which it raises ValueError."""
        value = self.made.get(name)
        if value is None:
            self.made.pop(name, None)
            return
        if not isinstance(value, list):
            self.put_aside(name, "a list")
            return
        kept = []
        for at, item in enumerate(value[:most]):
            try:
                kept.append(check(item))
            except ValueError as error:
                self._note(f"{name}.{at}", item, str(error))
        if len(value) > most:
            self._note(name, len(value), f"a list of at most {most}")
        self.made[name] = kept

    def inner(self, name: str, check: Callable[[Fields], None], needed: tuple[str, ...] = ()) -> None:
        """Check an object with its own fields; remove it as a whole if one that is `needed` is missing."""
        value = self.made.get(name)
        if value is None:
            self.made.pop(name, None)
            return
        if not isinstance(value, dict):
            self.put_aside(name, "an object")
            return
        inside = Fields(value, f"{self._where}{name}.")
        check(inside)
        self.odd += inside.odd
        lacking = [each for each in needed if each not in inside.made]
        if lacking:
            self.made.pop(name)
            if not inside.odd:
                self._note(name, value, f"an object with {' and '.join(lacking)}")
        else:
            self.made[name] = inside.made

    def _note(self, name: str, value: Any, want: str) -> None:
        if len(self.odd) < _MOST_ODD:
            self.odd.append(Odd(f"{self._where}{name}"[:200], f"must be {want}, but is {shown(value)}"))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_moment(value: Any) -> datetime | None:
    """Parse an ISO 8601 text, as UTC if it has no time zone; None if it is invalid or out of range."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        when = datetime.fromisoformat(value)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        when = when.astimezone(UTC)
        if FIRST_YEAR <= when.year <= LAST_YEAR:
            return when
    return None


def shown(value: Any) -> str:
    """Return an invalid value as short text, in characters that every terminal and column accepts."""
    text = repr(value)  # escapes what cannot be printed
    return text if len(text) <= 60 else text[:57] + "..."
