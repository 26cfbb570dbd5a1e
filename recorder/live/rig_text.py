"""The text of a rig file and the form that shows its values: each is made from the other, and comments stay.

The form works on plain tables. `edit_text` changes only those values in the text that differ, at their places.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, InlineTable, Table

from recorder.errors import Refused

_DEEPEST = 12
_BY_NAME = ("cameras", "teleoperators")
"""Tables of tables: `[cameras.front]`, `[teleoperators.arm]`."""
_PLACE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)$")
# A string of TOML's four kinds, or else a comment.
_COMMENT = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|(?P<comment>#[^\n]*)', re.DOTALL
)
_NEW = '[rig]\nname = "{name}"\nfps = 30\n'
_SIMULATED = (
    _NEW
    + """
[robot]
kind = "sim"

[teleoperator]
kind = "autopilot"

[cameras.front]
kind = "sim"

[cameras.wrist]
kind = "sim"
"""
)


class TextProblem(Refused):
    """A text that is not TOML (422, `invalid`); `errors` in its detail names the line, which counts from 1."""

    def __init__(self, line: int | None, problem: str, key: str = "") -> None:
        where = f"Line {line}: " if line else f"{key}: " if key else ""
        errors = [{"line": line, "key": key, "message": problem}]
        super().__init__("invalid", f"{where}{problem}.", 422, {"errors": errors})


@dataclass(frozen=True, slots=True)
class Edited:
    """A changed text, and the comments that went with what was removed from it."""

    text: str
    lost: list[str]


def read_tables(text: str) -> dict[str, Any]:
    """Return the values in a text as JSON has them. Raise TextProblem with the line if it is not TOML."""
    try:
        return {key: _plain(value) for key, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.rstrip().count("\n") + 1
        raise TextProblem(line, _PLACE.sub("", str(error)) or "This is not TOML") from error
    except RecursionError as error:
        raise TextProblem(None, "Tables or lists are nested too deep") from error


def edit_text(text: str, tables: Mapping[str, Any]) -> Edited:
    """Return the text with these values; what is equal stays as it is written. None in `tables` removes a key.

    Raise TextProblem if the text is not TOML, Refused (422) for values that TOML cannot hold.
    """
    requested = _requested(tables, 0)
    if _requested(read_tables(text), 0) == requested:
        return Edited(text, [])
    try:
        document = tomlkit.parse(text)
        _merge(document, requested, ())
        edited = tomlkit.dumps(document)
        if _requested(read_tables(edited), 0) != requested:
            edited = tomlkit.dumps(requested)
    except (TOMLKitError, TextProblem, AttributeError, LookupError, TypeError, ValueError):  # it cannot edit all TOML
        edited = tomlkit.dumps(requested)
    edited = re.sub(r"\n{3,}(?=\[)", "\n\n", edited.lstrip("\n"))
    lost = Counter(_comments(text)) - Counter(_comments(edited))
    return Edited(edited, list(lost.elements()))


def parse_value(text: str) -> Any:
    """Return the value of a key as it is written in TOML. Raise TextProblem."""
    if "\n" in text.strip() and not text.lstrip().startswith(("[", '"""', "'''")):
        raise TextProblem(None, "want one value, on one line")
    tables = read_tables(f"value = {text.strip()}")
    if tables.keys() != {"value"}:
        raise TextProblem(None, "want one value")
    return tables["value"]


def set_values(tables: Mapping[str, Any], values: Iterable[tuple[Sequence[str], str]]) -> dict[str, Any]:
    """Return the tables with values that are given as TOML at their paths. Raise TextProblem naming the key."""
    changed: dict[str, Any] = copy.deepcopy(dict(tables))
    for path, toml in values:
        try:
            value = parse_value(toml) if toml.strip() else None
        except TextProblem as problem:
            raise TextProblem(None, problem.message.rstrip("."), ".".join(path)) from problem
        place: Any = changed
        for key in path[:-1]:
            place = _inside(place, key)
        if not isinstance(place, dict):
            raise TextProblem(None, "This is not inside a table", ".".join(path))
        place[path[-1]] = value
    return changed


def _inside(place: Any, key: str) -> Any:
    """Return what is at a key of a table, or at a number, counted from 0, of a list of tables; None if nothing is."""
    if isinstance(place, list):
        return place[int(key)] if key.isdecimal() and int(key) < len(place) else None
    return place.setdefault(key, {}) if isinstance(place, dict) else None


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name for a new rig: `name`, or with the first number that is free."""
    used = {each.casefold() for each in taken}
    base = re.sub(r"-\d+$", "", name)[:40] or "rig"
    names = (name, *(f"{base}-{number}" for number in range(2, 10_000)))
    return next(each for each in names if each and each.casefold() not in used)


def new_text(name: str, *, simulated: bool = False) -> str:
    """Return the text of a new rig: one without devices, or the simulated one with two cameras."""
    return (_SIMULATED if simulated else _NEW).replace("{name}", name)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value - value != 0:  # JSON has no infinity
        return str(value)
    return value if isinstance(value, str | int | float) else value.isoformat()


def _requested(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise Refused("invalid", "The rig's tables are nested too deep: write at most 12 in one another.", 422)
    if isinstance(value, Mapping):
        items = {key: _requested(each, depth + 1) for key, each in value.items() if each is not None}
        return {key: each for key, each in items.items() if each != {}}  # an empty table says nothing
    if isinstance(value, list):
        return [_requested(each, depth + 1) for each in value if each is not None]
    return value


def _merge(container: Any, requested: Mapping[str, Any], path: tuple[str, ...]) -> None:
    for key in [key for key in container if key not in requested]:
        del container[key]
    for key, value in requested.items():
        if key not in container:
            _add(container, key, _item(value, (*path, key), inline=isinstance(container, InlineTable)))
            continue
        current = container[key]
        if isinstance(value, dict) and isinstance(current, MutableMapping):
            _merge(current, value, (*path, key))
        elif isinstance(current, AoT) and value and all(isinstance(each, dict) for each in value):
            _merge_tables(current, value, (*path, key))
        elif not _same(_plain(current.unwrap() if hasattr(current, "unwrap") else current), value):
            container[key] = value


def _merge_tables(current: AoT, requested: Sequence[Mapping[str, Any]], path: tuple[str, ...]) -> None:
    """Change a list of tables such as [[processor]]; those that are equal keep their comments, wherever they move."""
    rest, tables = list(current.body), []
    for each in requested:
        same = next((table for table in rest if _same(_plain(table.unwrap()), each)), None)
        tables.append(same)
        rest = [table for table in rest if table is not same]
    del current[:]
    for table, each in zip(tables, requested, strict=True):
        if table is None:
            table = rest.pop(0) if rest else _new_table()
            _merge(table, each, path)
        current.append(table)


def _new_table() -> Table:
    table = tomlkit.table()
    table.trivia.indent = "\n"
    return table


def _add(container: Any, key: str, item: Any) -> None:
    """Add a key behind the last one: the comments below that one stand before the next heading and belong to it."""
    if not isinstance(container, Table) or isinstance(item, Table):
        container[key] = item
        return
    body, below = container.value.body, []
    while body and body[-1][0] is None:
        below.append(body.pop())
    container[key] = item
    body.extend(reversed(below))


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _item(value: Any, path: tuple[str, ...], *, inline: bool) -> Any:
    """Return a new value: `[rig]`, `[robot]` and each of _BY_NAME get a heading, other tables one line."""
    if not isinstance(value, dict):
        return value
    table: Table | InlineTable
    if inline or len(path) > (2 if path[0] in _BY_NAME else 1):
        table = tomlkit.inline_table()
    else:
        is_super = len(path) == 1 and path[0] in _BY_NAME and all(isinstance(each, dict) for each in value.values())
        table = tomlkit.table(is_super_table=is_super)
        table.trivia.indent = "" if is_super else "\n"
    for key, each in value.items():
        table.add(key, _item(each, (*path, key), inline=isinstance(table, InlineTable)))
    return table


def _comments(text: str) -> list[str]:
    return [match["comment"] for match in _COMMENT.finditer(text) if match["comment"]]
