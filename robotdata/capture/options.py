"""A table of a TOML file, read key by key; every mistake names the key and what was expected."""

from __future__ import annotations

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
    """The keys of one table; `where` is how messages call it, such as `rig.toml: cameras.front`."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = dict(values)
        self._asked: set[str] = set()
        self.where = where

    def text(self, key: str, default: str | None = None, *, among: tuple[str, ...] = ()) -> str:
        """A text, one of `among` where that is given."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value or (among and value not in among):
            raise self._wrong(key, value, f"one of {', '.join(among)}" if among else "text")
        return value

    def name(self, key: str, default: str | None = None) -> str:
        """A name of letters, digits, _ and -."""
        value = self._get(key, default)
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise self._wrong(key, value, "1 to 48 letters, digits, _ or -")
        return value

    def number(self, key: str, default: float | None = None, *, low: float, high: float) -> float:
        """A number within [low, high]."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._wrong(key, value, f"a number from {low:g} to {high:g}")
        return value

    def rate(self, key: str, default: float, *, low: float, high: float) -> int | float:
        """Return a rate in events per second within [low, high], exact as a fraction.

        The file may say a number or a fraction such as "30000/1001"; 29.97 stands for that fraction. The result is
        an int where the rate is whole, else the float nearest to the fraction.
        """
        value = self._get(key, default)
        try:
            exact = Fraction(value) if isinstance(value, str) else value
            if isinstance(exact, bool) or not low <= exact <= high:
                raise ValueError
            return plain_rate(exact_rate(exact))
        except (TypeError, ValueError, ZeroDivisionError, VideoError) as error:
            hint = f'a number from {low:g} to {high:g}, or a fraction such as "30000/1001"'
            raise self._wrong(key, value, hint) from error

    def size(self, key: str, default: int | None = None) -> int:
        """A side of a picture: even, 32 to 8192 pixels."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 32 <= value <= 8192 or value % 2:
            raise self._wrong(key, value, "an even number of pixels from 32 to 8192")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def table(self, key: str) -> Options:
        """A table inside this one, empty where it is absent."""
        value = self._get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, value, f"a table [{key}]")
        prefix = self.where if self.where.endswith(": ") else f"{self.where}."
        return Options(value, f"{prefix}{key}")

    def names(self) -> list[str]:
        """All keys, in the file's order."""
        return list(self._values)

    def rest(self) -> Options:
        """The keys that nobody has asked for yet, for a device to read."""
        left = {key: value for key, value in self._values.items() if key not in self._asked}
        self._asked |= set(left)
        return Options(left, self.where)

    def done(self) -> None:
        """Raises ConfigError where the table has a key that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self._asked))}"
                raise ConfigError(self._name(key), f"unknown key; {hint}")

    def _get(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        return self._values.get(key, default)

    def _name(self, key: str) -> str:
        return f"{self.where}{key}" if self.where.endswith(": ") else f"{self.where}.{key}"

    def _wrong(self, key: str, value: Any, wanted: str) -> ConfigError:
        got = "is missing" if value is None else f"is {value!r:.60}"
        return ConfigError(self._name(key), f"{got}, want {wanted}")
