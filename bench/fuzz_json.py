"""Change one thing in a JSON document, as a person, another program or an older version might."""

from __future__ import annotations

import json
import random
from typing import Any

_DEEP = "@deep@"
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 5, 2**31, 2**63, 10**30, -(10**30), 1e308, -0.5, 0.1, float("nan"), float("inf"),
    "", " ", "abc", "null", "x" * 100_000, "\ud800", "a\0b", "\u202egnp.exe", "..", "../../etc/passwd", "/etc", "-5",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-45T99:99:99", "1970-01-01", "2026-11-01T08:00",
    "video", "image", "float32", "complex64", "string", "recording", "recorded", "interrupted", "committed", "keep",
    [], {}, [5], [None], [1, {}], [[]], {"a": 1}, {"": None}, [-5, 3], [3, -5], [0, 10**30], ["x"] * 1000, _DEEP,
    [{"code": "rate", "from_tick": "x"}], [{"code": None}], {"names": 5}, {"action": 0}, [{"at": 5}],
]  # fmt: skip


def change_json(text: str, chance: random.Random) -> tuple[str, str]:
    """Return the document with one change, and what was changed."""
    value = json.loads(text)
    if chance.random() < 0.04:
        value, what = chance.choice(ODD), "all of it"
    else:
        value, what = _change(value, chance)
    deep = "[" * 3000 + "]" * 3000
    return json.dumps(value).replace(f'"{_DEEP}"', deep), what


def _change(value: Any, chance: random.Random) -> tuple[Any, str]:
    paths = list(_paths(value, ()))
    path = chance.choice(paths)
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    key, name = path[-1], ".".join(map(str, path))
    act = chance.random()
    if act < 0.08:
        del parent[key]
        return value, f"{name} deleted"
    if act < 0.14 and isinstance(parent, dict):
        new = chance.choice(["", "x", "\ud800", "é" * 300, "a/b", "..", "name\0", key.upper(), key + " "])
        parent[new] = parent.pop(key)
        return value, f"{name} renamed to {new[:20]!a}"
    if act < 0.18 and isinstance(parent, list):
        parent.append(parent[key])
        return value, f"{name} doubled"
    if act < 0.22:
        parent[key] = [parent[key]] if chance.random() < 0.5 else {"value": parent[key]}
        return value, f"{name} nested"
    if act < 0.26 and isinstance(parent, dict):
        parent["unknown"] = chance.choice(ODD)
        return value, f"{name}: an unknown key beside it"
    if act < 0.45 and isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
        old = parent[key]
        parent[key] = chance.choice([old + 1, old - 1, -old, old * 1000, old / 7, str(old), old + 0.5, -old - 1])
        return value, f"{name} = {parent[key]!a}"
    parent[key] = chance.choice(ODD)
    return value, f"{name} = {ascii(parent[key])[:60]}"


def _paths(value: Any, before: tuple[Any, ...]) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*before, key)
        yield from _paths(each, (*before, key))
