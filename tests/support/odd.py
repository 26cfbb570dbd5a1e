"""One odd value in each field of a JSON file, one at a time: what another program or a person may leave there."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from tests.support.sweeps import THOROUGH

ODD: tuple[Any, ...] = (
    None,
    5,
    "x",
    "",
    [],
    {},
    [1],
    [None],
    {"a": {}},
    -1,
    1e308,
    10**30,
    True,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "\ud800x",
)
STEP = 3
Path = tuple[str | int, ...]


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    """Where every field lies, outer ones first; of a list its first item stands for all."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in items:
        yield (*here, key)
        yield from paths(item, (*here, key))


def changed(value: Any, path: Path, odd: Any) -> Any:
    """A copy of `value` with `odd` in place of what lies at `path`."""
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return made


def each_odd(value: Any, values: tuple[Any, ...] = ODD) -> Iterator[tuple[str, Any, Any]]:
    """(field, odd value, the changed copy) for each field and each odd value that differs from what is there."""
    for path in paths(value):
        for odd in values:
            made = changed(value, path, odd)
            if made != value or type(odd) is bool:
                yield ".".join(map(str, path)), odd, made


def some_odd(value: Any, values: tuple[Any, ...] = ODD) -> Iterator[tuple[str, Any, Any]]:
    """`each_odd`, of which the gate takes every third: each field has other values than the field before it."""
    yield from itertools.islice(each_odd(value, values), None, None, 1 if THOROUGH else STEP)


def outline(value: Any) -> Any:
    """The value without its texts and numbers: whether they are there."""
    if isinstance(value, dict):
        return {key: outline(item) for key, item in value.items()}
    if isinstance(value, list):
        return [outline(item) for item in value]
    return (type(value).__name__, bool(value))
