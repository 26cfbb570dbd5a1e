"""What one message of a robot's log holds: a picture, or its numbers and texts by the names of its fields.

Messages come decoded: as objects with fields (ROS, protobuf) or as parsed JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.imports.streams import Kind

COMPRESSED = re.compile(r"(sensor_msgs/(msg/)?|foxglove[._a-z]*[./](msg/)?)CompressedImage")
RAW = re.compile(r"(sensor_msgs/(msg/)?Image|foxglove[._a-z]*[./](msg/)?RawImage)")
VIDEO = re.compile(r"foxglove[._a-z]*[./](msg/)?CompressedVideo")
_MOST_DEPTH, _MOST_ITEMS, _MOST_FIELDS = 8, 16, 512
_HEAD = frozenset({"header", "stamp", "timestamp", "frame_id", "layout", "is_bigendian"})
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1, "8UC3": 3, "8UC4": 4}
_MOST_SIDES = {"height": 1 << 16, "width": 1 << 16, "step": 1 << 20}
"""The most rows and columns of a picture, and bytes of a row."""
_DEPTH = frozenset({"16UC1", "mono16"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its kind and value. `names` are those of the numbers, where the message has them."""

    kind: Kind
    value: Any
    names: tuple[str, ...] = ()
    dtype: str = ""


class BadMessage(ValueError):
    """A message cannot be used; the text says why."""


def fields_of(schema: str, message: Any) -> dict[str, Field]:
    """Return the fields of a message by name; a picture is the only one, under "". Raises BadMessage."""
    if COMPRESSED.fullmatch(schema):
        return {"": _compressed(message)}
    if RAW.fullmatch(schema):
        return {"": _raw(message)}
    if VIDEO.fullmatch(schema):
        codec = str(_get(message, "format"))
        return {"": Field(Kind.VIDEO, _bytes(_get(message, "data")), dtype=codec.lower()[:40])}
    found: dict[str, Field] = {}
    is_json = isinstance(message, Mapping | list | int | float)
    for name, value in _leaves(message, "", 0):
        field = _leaf(value, is_json=is_json)
        if field is not None:
            found[name] = field
        if len(found) == _MOST_FIELDS:
            break
    return _with_names(message, found)


def _with_names(message: Any, found: dict[str, Field]) -> dict[str, Field]:
    """Give the numbers of a JointState, or of a message like it, the names that it holds, and sort them out."""
    names = _get(message, "name") or _get(message, "joint_names")
    if isinstance(names, str | bytes) or not isinstance(names, Sequence | np.ndarray) or not len(names):
        return found
    texts = tuple(str(name) for name in names)
    return {
        key: Field(field.kind, field.value, texts, field.dtype)
        if field.kind is Kind.NUMBERS and len(field.value) == len(texts)
        else field
        for key, field in found.items()
    }


def _compressed(message: Any) -> Field:
    data = _bytes(_get(message, "data"))
    kind = str(_get(message, "format")).lower()
    if "compresseddepth" in kind.replace(" ", ""):
        at = data.find(b"\x89PNG")
        if at < 0 or at > 64:
            raise BadMessage("a compressed depth picture that is not a PNG")
        return Field(Kind.DEPTH, data[at:], dtype="png")
    return Field(Kind.COMPRESSED, data, dtype="png" if data.startswith(b"\x89PNG") else "jpeg")


def _raw(message: Any) -> Field:
    encoding = str(_get(message, "encoding"))
    height, width, step = (_side(message, name, most) for name, most in _MOST_SIDES.items())
    data = np.frombuffer(_bytes(_get(message, "data")), np.uint8)
    channels = 2 if encoding in _DEPTH else _CHANNELS.get(encoding, 0)
    if not channels:
        raise BadMessage(f"pictures with the encoding {encoding!r:.40}; want one of {', '.join((*_CHANNELS, *_DEPTH))}")
    step = step or width * channels
    if not 0 < width * channels <= step or height <= 0 or len(data) < step * (height - 1) + width * channels:
        raise BadMessage(f"a picture of {width} x {height} in {len(data):,} bytes")
    padded = np.zeros(step * height, np.uint8)
    padded[: min(len(data), len(padded))] = data[: len(padded)]
    rows = np.ascontiguousarray(padded.reshape(height, step)[:, : width * channels])
    if encoding in _DEPTH:
        order = ">u2" if _get(message, "is_bigendian") else "<u2"
        return Field(Kind.DEPTH, rows.view(order).astype(np.uint16), dtype="uint16")
    picture: NDArray[Any] = rows.reshape(height, width, channels)
    if encoding.startswith("bgr") or encoding in {"8UC3", "8UC4"}:  # OpenCV's order
        picture = picture[:, :, [2, 1, 0]]
    return Field(Kind.PICTURE, np.ascontiguousarray(picture), dtype="uint8")


def _side(message: Any, name: str, most: int) -> int:
    value = _get(message, name) or 0
    if not isinstance(value, int | float | np.integer) or not 0 <= value <= most:
        raise BadMessage(f"a picture with the {name} {value!r:.40}; want up to {most:,}")
    return int(value)


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the fields that hold no further fields. Those of headers are left out, and lists of many messages."""
    inner = _fields(value)
    if inner is not None:
        for key, item in inner:
            if key not in _HEAD and depth < _MOST_DEPTH:
                yield from _leaves(item, f"{name}.{key}" if name else key, depth + 1)
    elif _is_list(value) and len(value) and _fields(value[0]) is not None:
        for place, item in enumerate(value[:_MOST_ITEMS] if len(value) <= _MOST_ITEMS else ()):
            yield from _leaves(item, f"{name}[{place}]", depth + 1)
    else:
        yield name, value


def _leaf(value: Any, *, is_json: bool) -> Field | None:
    if isinstance(value, str):
        return Field(Kind.TEXT, value, dtype="text")
    if isinstance(value, bool | int | float | np.generic) and not isinstance(value, np.str_):
        return _numbers([value], is_json=is_json)
    if _is_list(value) and len(value):
        return _numbers(value, is_json=is_json)
    return None


def _numbers(values: Any, *, is_json: bool) -> Field | None:
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        return None
    if array.dtype.kind not in "biuf" or array.ndim != 1:
        return None
    if is_json and array.dtype.kind in "iu":  # JSON has one kind of number: 0 may be followed by 0.1
        array = array.astype(np.float64)
    return Field(Kind.NUMBERS, array, dtype=str(array.dtype))


def _fields(value: Any) -> list[tuple[str, Any]] | None:
    """Return the fields of an object with fields; None for any other value."""
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    if hasattr(value, "DESCRIPTOR"):
        return [(field.name, getattr(value, field.name)) for field in value.DESCRIPTOR.fields]
    names = getattr(value, "__slots__", None) or getattr(value, "__dataclass_fields__", None)
    if names is None or isinstance(value, np.ndarray | np.generic | array | str | bytes):
        return None
    return [(name, getattr(value, name)) for name in names if not name.startswith("_")]


def _get(message: Any, name: str) -> Any:
    return message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray | array) and not isinstance(value, str | bytes)


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):  # JSON
        try:
            return base64.b64decode(value, validate=True)
        except (ValueError, binascii.Error) as error:
            raise BadMessage("data that is not base64") from error
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, np.ndarray | array) and value.itemsize == 1:
        return value.tobytes()
    raise BadMessage("no bytes in its data")
