"""Make the values of one row's features from the messages of their streams."""

from __future__ import annotations

import math
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.texts import pack_text
from robotdata.imports.errors import BadSource
from robotdata.imports.mapping import UNITS, Rule
from robotdata.imports.streams import Message
from robotdata.numbers import count


class Values:
    """Turns messages into the values of a feature other than a camera. `missing` counts values that are not finite."""

    def __init__(self, path: Path, name: str, rule: Rule, feature: Table[str, Any]) -> None:
        self._path, self._name, self._streams = path, name, rule.streams
        self._factor, self._text = UNITS[rule.unit].factor, feature["dtype"] == "string"
        self._count = math.prod(feature["shape"])
        self._dtype = np.dtype("uint8" if self._text else feature["dtype"])
        self.missing = 0

    def value(self, newest: Table[str, Message]) -> NDArray[Any] | str:
        """Return the value. Raises BadSource if a message has another number of values, or one that does not fit."""
        if self._text:
            return self._as_text(newest[self._streams[0]])
        parts = [np.asarray(newest[path].value).reshape(-1) for path in self._streams]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if joined.size != self._count or joined.dtype.kind not in "biuf":
            raise BadSource(
                self._path,
                f"has {count(joined.size, 'value')} of {joined.dtype} for {self._name} {self._when(newest)}, after "
                f"{self._count} in the first message: leave that stream out, or cut the file there",
            )
        scaled = joined * self._factor if self._factor != 1 else joined
        with np.errstate(all="ignore"):
            stored: NDArray[Any] = scaled.astype(self._dtype)
        if scaled.dtype.kind == "f":
            self._check_range(scaled, stored, newest)
        if stored.dtype.kind != "f" and not (same := stored == scaled).all():
            self._refuse(scaled[~same][0], newest)
        return stored

    def _check_range(self, scaled: NDArray[Any], stored: NDArray[Any], newest: Table[str, Message]) -> None:
        finite = np.isfinite(scaled)
        self.missing += int(finite.size - finite.sum())
        fits = np.isfinite(stored) if stored.dtype.kind == "f" else np.abs(scaled) < 2.0**62
        if not (fits | ~finite).all() or (stored.dtype.kind != "f" and not finite.all()):
            self._refuse(scaled[~finite | ~fits][0], newest)

    def _refuse(self, wrong: Any, newest: Table[str, Message]) -> NoReturn:
        raise BadSource(
            self._path,
            f"has {wrong} for {self._name} {self._when(newest)}, which {self._dtype} cannot hold: "
            "choose another dtype in the mapping",
        )

    def _as_text(self, message: Message) -> str:
        text = str(message.value)
        try:
            pack_text(text)
        except ValueError as error:
            raise BadSource(self._path, f"has {error} for {self._name} in {message.path}") from error
        return text

    def _when(self, newest: Table[str, Message]) -> str:
        return f"at {max(newest[path].time_ns for path in self._streams) / 1e9:.3f} s"
