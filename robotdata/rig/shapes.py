"""Check a received object against a TypedDict of the protocol, so that each shape is written once.

An invalid field is removed and reported, as in `robotdata.spool.fields`; a field that the TypedDict lacks is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from robotdata.spool.facts import check_text
from robotdata.spool.fields import Fields

LONGEST, MOST_ITEMS, MOST_NUMBER = 200, 200, 1e18


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of a field: `most` characters of a text, `most` items of a list, or the range of a number.

    -1 stands for the default: LONGEST, MOST_ITEMS, MOST_NUMBER.
    """

    most: float = -1
    least: float = -MOST_NUMBER


@dataclass(frozen=True, slots=True)
class Kind:
    """A field's type without its wrappers: `limit` is that of Annotated, `or_none` whether the field may be None."""

    type: Any
    limit: Limit
    or_none: bool

    def most(self, default: float) -> float:
        """Return the field's own upper limit, or `default` if it has none."""
        return default if self.limit.most < 0 else self.limit.most


@cache
def kinds_of(shape: type) -> dict[str, Kind]:
    """Return the fields of a TypedDict by name, without the Literal that names the type of a message."""
    hints = get_type_hints(shape, include_extras=True)
    return {name: _kind(hint) for name, hint in hints.items() if get_origin(hint) is not Literal}


def check_shape(fields: Fields, shape: type) -> None:
    """Remove and report what in `fields` does not match the TypedDict `shape`."""
    for name, kind in kinds_of(shape).items():
        _check(fields, name, kind)


def _kind(hint: Any) -> Kind:
    limit, or_none = Limit(), False
    while True:
        origin, args = get_origin(hint), get_args(hint)
        if origin is NotRequired:
            hint = args[0]
        elif origin is Annotated:
            hint, limit = args[0], args[1]
        elif origin in (Union, UnionType):
            (hint,) = (each for each in args if each is not NoneType)
            or_none = True
        else:
            return Kind(hint, limit, or_none)


def _check(fields: Fields, name: str, kind: Kind) -> None:
    origin, args = get_origin(kind.type), get_args(kind.type)
    if kind.type is str:
        fields.text(name, int(kind.most(LONGEST)), or_none=kind.or_none)
    elif kind.type in (int, float):
        fields.number(name, kind.limit.least, kind.most(MOST_NUMBER))
    elif kind.type is bool:
        fields.check(name, lambda value: isinstance(value, bool), "true or false")
    elif is_typeddict(kind.type):
        if not (kind.or_none and fields.checked.get(name, 0) is None):
            fields.inner(name, lambda inner: check_shape(inner, kind.type))
    elif origin is list:
        fields.items(name, _item(args[0]), int(kind.most(MOST_ITEMS)))
    elif origin is dict and is_typeddict(args[1]):
        fields.inner(name, lambda inner: _check_each(inner, args[1]))
    elif origin is dict and args[1] is float:
        fields.inner(name, _check_numbers)
    else:
        fields.check(name, lambda value: isinstance(value, dict), "an object")


def _check_each(fields: Fields, shape: type) -> None:
    for key in list(fields.checked):
        fields.inner(key, lambda inner: check_shape(inner, shape))


def _check_numbers(fields: Fields) -> None:
    for key in list(fields.checked):
        fields.number(key, -MOST_NUMBER, MOST_NUMBER)


def _item(hint: Any) -> Callable[[Any], Any]:
    kind = _kind(hint)
    if kind.type is str:
        return lambda item: check_text(item, int(kind.most(LONGEST)))
    if is_typeddict(kind.type):
        return lambda item: _object(item, kind.type)
    return lambda item: item


def _object(value: Any, shape: type) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object")
    inner = Fields(value)
    check_shape(inner, shape)
    return inner.checked
