"""Read a table of a TOML file key by key; every error names the key and the expected value."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from robotdata.capture.errors import ConfigError
from robotdata.video.errors import VideoError
from robotdata.video.rates import exact_rate, plain_rate

NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")


class Options:
    """The keys of one table. Error messages begin with `where`, such as `rig.toml: cameras.front`.

    Every method that reads a key raises ConfigError if the value is invalid, or missing without a default.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = dict(values)
        self._read: set[str] = set()
        self.where = where

    def text(self, key: str, default: str | None = None, *, among: tuple[str, ...] = ()) -> str:
        """Return a text; one of `among` unless that is empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value or (among and value not in among):
            raise self._invalid(key, value, f"one of {', '.join(among)}" if among else "text")
        return value

    def name(self, key: str, default: str | None = None) -> str:
        """Return a name of 1 to 48 letters, digits, _ and -."""
        value = self._get(key, default)
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise self._invalid(key, value, "1 to 48 letters, digits, _ or -")
        return value

    def number(self, key: str, default: float | None = None, *, low: float, high: float) -> float:
        """Return a number within [low, high]."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._invalid(key, value, f"a number from {low:g} to {high:g}")
        return value

    def rate(self, key: str, default: float, *, low: float, high: float) -> int | float:
        """Return a rate in events per second within [low, high], exact as a fraction.

        The file may hold a number or a fraction such as "30000/1001"; 29.97 stands for that fraction. The result is
        an int if the rate is whole, else the float nearest to the fraction.
        """
        value = self._get(key, default)
        try:
            exact = Fraction(value) if isinstance(value, str) else value
            if isinstance(exact, bool) or not low <= exact <= high:
                raise ValueError
            return plain_rate(exact_rate(exact))
        except (TypeError, ValueError, ZeroDivisionError, VideoError) as error:
            hint = f'a number from {low:g} to {high:g}, or a fraction such as "30000/1001"'
            raise self._invalid(key, value, hint) from error

    def size(self, key: str, default: int | None = None) -> int:
        """Return a side of an image in pixels: even, 32 to 8192."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 32 <= value <= 8192 or value % 2:
            raise self._invalid(key, value, "an even number of pixels from 32 to 8192")
        return value

    def one_of(self, key: str, default: int, among: tuple[int, ...]) -> int:
        """Return a whole number that is one of `among`."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value not in among:
            raise self._invalid(key, value, f"one of {', '.join(map(str, among))}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self._invalid(key, value, "true or false")
        return value

    def table(self, key: str) -> Options:
        """Return the table `key` of this one; empty if it is absent."""
        value = self._get(key, {})
        if not isinstance(value, dict):
            raise self._invalid(key, value, f"a table [{key}]")
        prefix = self.where if self.where.endswith(": ") else f"{self.where}."
        return Options(value, f"{prefix}{key}")

    def texts(self, key: str) -> list[str]:
        """Return a list of texts, none of them empty."""
        value = self._get(key, None)
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            raise self._invalid(key, value, "a list of texts")
        return list(value)

    def numbers(self) -> dict[str, float]:
        """Return every key with its number; a dotted key, which TOML nests, counts as one key with dots."""
        numbers: dict[str, float] = {}
        for key, value in self._values.items():
            if isinstance(value, dict):
                numbers |= {f"{key}.{rest}": number for rest, number in self.table(key).numbers().items()}
            elif isinstance(value, bool) or not isinstance(value, int | float):
                raise self._invalid(key, value, "a number")
            else:
                numbers[key] = float(self.number(key, low=-1e9, high=1e9))
        return numbers

    def names(self) -> list[str]:
        """Return all keys, in the file's order."""
        return list(self._values)

    def rest(self) -> Options:
        """Return the keys that were not read yet, for a driver to read."""
        unread = {key: value for key, value in self._values.items() if key not in self._read}
        self._read |= set(unread)
        return Options(unread, self.where)

    def plain(self, key: str) -> Any:
        """Return the value of a key as it is in the file, None if it is absent; for a caller that checks it."""
        return copy.deepcopy(self._get(key, None))

    def remaining(self) -> dict[str, Any]:
        """Return the keys that were not read yet as plain values, nested tables as dicts and arrays as lists.

        For a driver with a config class of its own, which checks them: every key counts as read afterwards. The values
        are copies.
        """
        unread = self.rest()
        return copy.deepcopy(unread._values)

    def refuse_unknown_keys(self) -> None:
        """Raise ConfigError if the table has a key that was never read; call it after the last read."""
        for key in self._values:
            if key not in self._read:
                near = difflib.get_close_matches(key, self._read, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self._read))}"
                raise ConfigError(self._name(key), f"unknown key; {hint}")

    def _get(self, key: str, default: Any) -> Any:
        self._read.add(key)
        return self._values.get(key, default)

    def _name(self, key: str) -> str:
        return f"{self.where}{key}" if self.where.endswith(": ") else f"{self.where}.{key}"

    def _invalid(self, key: str, value: Any, expected: str) -> ConfigError:
        problem = "is missing" if value is None else f"is {value!r:.60}"
        return ConfigError(self._name(key), f"{problem}, want {expected}")
