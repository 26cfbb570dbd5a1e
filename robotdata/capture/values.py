"""What a device gives, as a take will store it; or why it cannot be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.texts import pack_text

_NUMBERS = frozenset(
    {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"}
)
_TEXT = "string"


class StoredValue:
    """One feature of a robot: turns what a device gives for it into an array of its dtype.

    Raises ConfigError, naming the feature, where `feature` has no dtype, shape or names that can be recorded.
    """

    def __init__(self, name: str, feature: Mapping[str, Any]) -> None:
        self.name = name
        try:
            dtype = str(feature["dtype"])
            self._shape = tuple(int(side) for side in feature["shape"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"feature {name!r}", f"is {feature!r:.200}; want a dtype and a shape") from error
        if dtype not in _NUMBERS and dtype != _TEXT:
            raise ConfigError(f"feature {name!r}", f"has dtype {dtype!r}; want one of {', '.join(sorted(_NUMBERS))}")
        self._text = dtype == _TEXT
        self._dtype: np.dtype[Any] = np.dtype(object if self._text else dtype)
        self._size = int(np.prod(self._shape, dtype=np.int64))
        self._names = _flat(feature.get("names"))

    def stored(self, value: Any, who: str) -> NDArray[Any]:
        """`value` as a new array (n,) of the feature's dtype. Raises DeviceError, naming element and value."""
        if value is None:
            raise DeviceError(f"{who} returns no {self.name}; its features declare {self._expected}")
        given = self._array(value, who)
        self._check_shape(given, who)
        flat = given.reshape(-1)
        if self._text:
            return flat.astype(object)
        self._check_kind(flat, who)
        with np.errstate(all="ignore"):
            made = flat.astype(self._dtype)
        wrong = self._altered(flat, made)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise DeviceError(
                f"{who} returns {flat[at].item()!r} for {self._element(at)} of {self.name}, "
                f"which {self._dtype.name} cannot hold"
            )
        return made

    @property
    def _expected(self) -> str:
        kind = _TEXT if self._text else self._dtype.name
        return f"{self._size} {'value' if self._size == 1 else 'values'} of {kind}"

    def _array(self, value: Any, who: str) -> NDArray[Any]:
        if self._text:
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list | tuple | np.ndarray) or not all(isinstance(text, str) for text in texts):
                raise DeviceError(f"{who} returns {value!r:.60} for {self.name}, want text")
            for text in texts:
                try:
                    pack_text(text)
                except ValueError as error:
                    raise DeviceError(f"{who} returns {self.name} {error}") from error
            return np.array(texts, object)
        if isinstance(value, np.ma.MaskedArray) and np.any(value.mask):
            raise DeviceError(f"{who} returns {self.name} with masked values")
        try:
            return np.asarray(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise DeviceError(f"{who} returns {value!r:.60} for {self.name}: {error}") from error

    def _check_shape(self, given: NDArray[Any], who: str) -> None:
        if given.size != self._size:
            count = f"{given.size} {'value' if given.size == 1 else 'values'}"
            raise DeviceError(f"{who} returns {count} for {self.name}; its features declare {self._expected}")
        sides = [side for side in given.shape if side != 1]
        if len(sides) > 1 and sides != [side for side in self._shape if side != 1]:
            raise DeviceError(f"{who} returns {self.name} as {given.shape}; its features declare {self._shape}")

    def _check_kind(self, flat: NDArray[Any], who: str) -> None:
        """Numbers only: a text that reads like one, a time or None is a mistake in the device's code."""
        kind = flat.dtype.kind
        if flat.size and (kind not in "biuf" or (kind == "b" and self._dtype.kind == "f")):
            got = f"{flat[0]!r:.40} ({type(flat[0]).__name__})"
            raise DeviceError(f"{who} returns {got} for {self._element(0)} of {self.name}, want {self._dtype.name}")

    def _altered(self, flat: NDArray[Any], made: NDArray[Any]) -> NDArray[np.bool_]:
        """Which values would be others in the take; rounding to the dtype's own precision is none."""
        wrong: NDArray[np.bool_]
        if flat.dtype.kind == "f" and not np.isfinite(flat).all():
            wrong = np.logical_not(np.isfinite(flat))
            return wrong
        if self._dtype.kind == "f":
            wrong = np.logical_not(np.isfinite(made))
            return wrong
        if self._dtype.kind == "b":
            wrong = np.isin(flat, (0, 1), invert=True)
            return wrong
        # Compared as Python's own numbers: numpy would round both sides to float64 first. A float beyond 2^53 may
        # be another integer that was rounded on its way, as numpy does to a list of mixed ones.
        low, high = np.iinfo(self._dtype).min, np.iinfo(self._dtype).max
        if flat.dtype.kind == "f":
            low, high = max(low, -(2**53)), min(high, 2**53)
        numbers = flat.tolist()
        return np.array([not (low <= number <= high and int(number) == number) for number in numbers], bool)

    def _element(self, at: int) -> str:
        return self._names[at] if at < len(self._names) == self._size else f"value {at}"


class RowValues:
    """The values of one tick, checked by a robot's features. Raises ConfigError where those cannot be recorded."""

    def __init__(self, features: Mapping[str, Mapping[str, Any]]) -> None:
        if "action" not in features:
            raise ConfigError("the robot's features", f"have no 'action', only {', '.join(features) or 'nothing'}")
        self._values = {name: StoredValue(name, feature) for name, feature in features.items()}
        self._observed = [name for name in self._values if name != "action"]

    def observation(self, given: Any) -> dict[str, NDArray[Any]]:
        """What `observe` has given, one array a feature; what was not announced is left out. Raises DeviceError."""
        if not isinstance(given, Mapping):
            raise DeviceError(f"observe returns a {type(given).__name__}, want values keyed by feature name")
        return {name: self._values[name].stored(given.get(name), "observe") for name in self._observed}

    def wanted(self, given: Any) -> NDArray[np.float32]:
        """The action of a teleoperator, float32 (n,), before it moves anything. Raises DeviceError."""
        stored = self._values["action"].stored(given, "action")
        with np.errstate(over="ignore"):
            made = stored.astype(np.float32)
        if not np.isfinite(made).all():
            raise DeviceError(f"action returns {stored[~np.isfinite(made)][0]!r}, which is beyond float32")
        return made

    def sent(self, given: Any) -> NDArray[Any]:
        """The action that a robot says it has sent. Raises DeviceError."""
        return self._values["action"].stored(given, "act")


def _flat(names: Any) -> list[str]:
    """The names of the values of a feature in one list, whatever nesting they come in."""
    if isinstance(names, Mapping):
        axes = list(names.values())
        names = axes if all(isinstance(axis, list) for axis in axes) else list(names)
    if not isinstance(names, list | tuple):
        return []
    return [str(name) for axis in names for name in (axis if isinstance(axis, list | tuple) else [axis])]
