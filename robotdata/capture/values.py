"""Check the values that devices return, and convert them to the dtypes that a take stores."""

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
    """Converts a device's values for one feature into arrays of the feature's dtype.

    Raises ConfigError, naming the feature, if its dtype or shape is missing or cannot be recorded.
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
        self._is_float = self._dtype.kind == "f"
        self._size = int(np.prod(self._shape, dtype=np.int64))
        self._names = flat_names(feature.get("names"))

    def convert(self, value: Any, method: str) -> NDArray[Any]:
        """Return `value` as a new array (n,) of the feature's dtype (object for text).

        Raises DeviceError, naming element and value, if the shape or type is another than the feature's or a value
        does not fit its dtype. `method` is the driver's method that returned `value`.
        """
        if value is None:
            raise DeviceError(f"{method} returns no {self.name}; its features declare {self._expected}")
        if type(value) is np.ndarray and value.dtype == self._dtype and value.shape == self._shape and self._is_float:
            flat = value.reshape(-1)
            if np.isfinite(flat).all():  # what nearly every driver returns: nothing can be wrong with it
                return flat.copy()
        array = self._array(value, method)
        self._check_shape(array, method)
        flat = array.reshape(-1)
        if self._text:
            return flat.astype(object)
        self._check_kind(flat, method)
        with np.errstate(all="ignore"):
            converted = flat.astype(self._dtype)
        altered = self._altered(flat, converted)
        if altered.any():
            index = int(np.argmax(altered))
            raise DeviceError(
                f"{method} returns {flat[index].item()!r} for {self._element(index)} of {self.name}, "
                f"which {self._dtype.name} cannot hold"
            )
        return converted

    @property
    def names(self) -> list[str]:
        """Return the names of the values in their order; empty unless each has one."""
        return list(self._names) if len(self._names) == self._size else []

    @property
    def _expected(self) -> str:
        kind = _TEXT if self._text else self._dtype.name
        return f"{self._size} {'value' if self._size == 1 else 'values'} of {kind}"

    def _array(self, value: Any, method: str) -> NDArray[Any]:
        if self._text:
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list | tuple | np.ndarray) or not all(isinstance(text, str) for text in texts):
                raise DeviceError(f"{method} returns {value!r:.60} for {self.name}, want text")
            for text in texts:
                try:
                    pack_text(text)
                except ValueError as error:
                    raise DeviceError(f"{method} returns {self.name} {error}") from error
            return np.array(texts, object)
        if isinstance(value, np.ma.MaskedArray) and np.any(value.mask):
            raise DeviceError(f"{method} returns {self.name} with masked values")
        try:
            return np.asarray(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise DeviceError(f"{method} returns {value!r:.60} for {self.name}: {error}") from error

    def _check_shape(self, array: NDArray[Any], method: str) -> None:
        """Raise DeviceError if `array` has another shape; sides of 1 do not count, and a flat array always fits."""
        if array.size != self._size:
            count = f"{array.size} {'value' if array.size == 1 else 'values'}"
            raise DeviceError(f"{method} returns {count} for {self.name}; its features declare {self._expected}")
        sides = [side for side in array.shape if side != 1]
        if len(sides) > 1 and sides != [side for side in self._shape if side != 1]:
            raise DeviceError(f"{method} returns {self.name} as {array.shape}; its features declare {self._shape}")

    def _check_kind(self, flat: NDArray[Any], method: str) -> None:
        """Raise DeviceError unless these are numbers; a numeric string, a time or None is a bug in the driver."""
        kind = flat.dtype.kind
        if flat.size and (kind not in "biuf" or (kind == "b" and self._dtype.kind == "f")):
            value = f"{flat[0]!r:.40} ({type(flat[0]).__name__})"
            raise DeviceError(
                f"{method} returns {value} for {self._element(0)} of {self.name}, want {self._dtype.name}"
            )

    def _altered(self, flat: NDArray[Any], converted: NDArray[Any]) -> NDArray[np.bool_]:
        """Return a mask of the values that the conversion altered, apart from rounding to the dtype's precision."""
        altered: NDArray[np.bool_]
        if flat.dtype.kind == "f" and not np.isfinite(flat).all():
            altered = np.logical_not(np.isfinite(flat))
            return altered
        if self._dtype.kind == "f":
            altered = np.logical_not(np.isfinite(converted))
            return altered
        if self._dtype.kind == "b":
            altered = np.isin(flat, (0, 1), invert=True)
            return altered
        # Compared as Python's numbers, because numpy would round both sides to float64 first. A float beyond 2^53
        # may stand for another integer: numpy turns a list of ints and floats into floats.
        low, high = np.iinfo(self._dtype).min, np.iinfo(self._dtype).max
        if flat.dtype.kind == "f":
            low, high = max(low, -(2**53)), min(high, 2**53)
        numbers = flat.tolist()
        return np.array([not (low <= number <= high and int(number) == number) for number in numbers], bool)

    def _element(self, index: int) -> str:
        return self._names[index] if index < len(self._names) == self._size else f"value {index}"


class RowValues:
    """Converts the values of one tick by a robot's features.

    `offered` are the features of the teleoperator, if it has any. Where both name the values of `action`, a requested
    action gets into the robot's order by name. Raises ConfigError if the features cannot be recorded, or if the names
    of the teleoperator are not those of the robot.
    """

    def __init__(self, features: Mapping[str, Mapping[str, Any]], offered: Any = None) -> None:
        if "action" not in features:
            raise ConfigError("the robot's features", f"have no 'action', only {', '.join(features) or 'nothing'}")
        self._values = {name: StoredValue(name, feature) for name, feature in features.items()}
        self._observed = [name for name in self._values if name != "action"]
        self._requested, self._order = self._values["action"], None
        names = names_of_action(offered)
        if names and self._requested.names and names != self._requested.names:
            self._order = _positions(self._requested.names, names)
            self._requested = StoredValue("action", {**features["action"], "names": names})

    def observation(self, values: Any) -> dict[str, NDArray[Any]]:
        """Return the result of `observe` as one array (n,) per feature, without undeclared ones. Raises DeviceError."""
        if not isinstance(values, Mapping):
            raise DeviceError(f"observe returns a {type(values).__name__}, want values keyed by feature name")
        return {name: self._values[name].convert(values.get(name), "observe") for name in self._observed}

    def requested_action(self, value: Any) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return a teleoperator's action in the robot's order: as it is stored, and as the robot gets it.

        The first is (n,) of the feature's dtype. The second is float32 (n,), and a copy, because a robot may change
        what it gets. Raises DeviceError.
        """
        stored = self._requested.convert(value, "action")
        if self._order is not None:
            stored = stored[self._order]
        return stored, as_float32(stored)

    def sent_action(self, value: Any) -> NDArray[Any]:
        """Return the action that `act` reports as sent, (n,) of the feature's dtype. Raises DeviceError."""
        return self._values["action"].convert(value, "act")


def as_float32(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Return an action as the robot gets it, a copy. Raises DeviceError if a value is beyond float32."""
    with np.errstate(over="ignore"):
        action = stored.astype(np.float32)
    if not np.isfinite(action).all():
        raise DeviceError(f"action returns {stored[~np.isfinite(action)][0]!r}, which is beyond float32")
    return action


def names_of_action(offered: Any, who: str = "the teleoperator") -> list[str]:
    """Return the names of a teleoperator's action by its `features`; empty if it has none. Raises ConfigError."""
    if offered is None:
        return []
    if not isinstance(offered, Mapping) or not isinstance(offered.get("action"), Mapping):
        raise ConfigError(f"{who}'s features", f"are {offered!r:.200}; want a feature 'action', or none at all")
    return flat_names(offered["action"].get("names"))


def _positions(robot: list[str], teleoperator: list[str]) -> list[int]:
    """Return where in the teleoperator's action each value of the robot's is. Raises ConfigError if names differ."""
    if sorted(robot) != sorted(teleoperator) or len(set(robot)) < len(robot):
        raise ConfigError(
            "teleoperator",
            f"its joints are not the robot's: it gives {', '.join(teleoperator)}; the robot takes {', '.join(robot)}. "
            "Use a teleoperator made for this robot",
        )
    return [teleoperator.index(name) for name in robot]


def flat_names(names: Any) -> list[str]:
    """Return the names of a feature's values in one list; LeRobot nests them in lists or a dict."""
    if isinstance(names, Mapping):
        axes = list(names.values())
        names = axes if all(isinstance(axis, list) for axis in axes) else list(names)
    if not isinstance(names, list | tuple):
        return []
    return [str(name) for axis in names for name in (axis if isinstance(axis, list | tuple) else [axis])]
