"""Check the text of a rig file; every error has its line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import TYPE_CHECKING, Any

from robotdata.capture.errors import ConfigError
from robotdata.station.protocol import TextError

if TYPE_CHECKING:
    from robotdata.capture.config import RigConfig

MAX_BYTES = 64 << 10
_MOST_PARSED = 256 << 10
_SOURCE = "rig"
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_NUMBERED = re.compile(r"(\w+)\[(\d+)\]")
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class RigText:
    """A rig file's text: its tables as plain values, its errors, and its config if it has none."""

    tables: dict[str, Any] = field(default_factory=dict)
    errors: list[TextError] = field(default_factory=list)
    config: RigConfig | None = None

    @property
    def name(self) -> str:
        """Return the rig's name; empty if it is unknown."""
        rig = self.tables.get("rig")
        name = rig.get("name") if isinstance(rig, dict) else ""
        return name if isinstance(name, str) else ""

    @property
    def devices(self) -> dict[str, str]:
        """Return `kind` or `kind type` of robot and teleoperators, by their names in `RigConfig.devices`."""
        tables = {role: self.tables.get(role) for role in ("robot", "teleoperator")}
        several = self.tables.get("teleoperators")
        if isinstance(several, dict):
            tables |= {f"teleoperator {name}": table for name, table in several.items()}
        return {role: _kind(table) for role, table in tables.items() if isinstance(table, dict)}

    def device(self, role: str) -> str:
        """Return `kind` or `kind type` of the robot or teleoperator, of several in a row; empty if it is unknown."""
        return ", ".join(kind for name, kind in self.devices.items() if kind and name.partition(" ")[0] == role)


def _kind(table: dict[str, Any]) -> str:
    return " ".join(part for part in (table.get("kind"), table.get("type")) if isinstance(part, str))


def read_rig_text(text: str, file: str = "") -> RigText:
    """Return what `text` describes. `file` is the stem of its file, which must be the rig's name; empty: any."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return RigText(errors=[_error(None, "", f"the file has more than {MAX_BYTES >> 10} KiB, want a rig file")])
    try:
        values = tomllib.loads(text)
        tables = _plain(values)
    except (ValueError, RecursionError) as error:  # a too long number is a ValueError of its own
        return RigText(errors=[_syntax_error(text, error)])
    from robotdata.capture.config import parse_config  # with numpy: whoever only lists rigs needs neither

    try:
        config = parse_config(values, _SOURCE)
    except ConfigError as error:
        key = error.where.removeprefix(f"{_SOURCE}: ")
        return RigText(tables, [_error(line_of(text, key), key, error.problem)])
    if file and config.name != file:
        problem = f"is {config.name!r}, but the file is {file}.toml; a rig has the name of its file"
        return RigText(tables, [_error(line_of(text, "rig.name"), "rig.name", problem)])
    return RigText(tables, [], config)


def describe(error: TextError) -> str:
    """Return an error in one line: "line 3: rig.fps: is 0, want ..."."""
    line = f"line {error['line']}" if error["line"] else ""
    return ": ".join(part for part in (line, error["key"], error["message"]) if part)


def line_of(text: str, key: str) -> int | None:
    """Return the line of `text`, valid TOML, where a key begins, or else the table that lacks it.

    A prefix of whole statements is valid, too: the key begins behind the longest prefix that does not have it. Returns
    None if there is neither, or if finding it would take too long.
    """
    path = _path(key)
    prefixes = _Prefixes(text)
    try:
        while path and not _has(prefixes.parsed(len(prefixes.lines)), path):
            path.pop()
        return _line_of(prefixes, path) if path else None
    except _TooLong:
        return None


def _path(key: str) -> list[str | int]:
    """Return the parts of a key; `processor[2]` is the second table of a list."""
    path: list[str | int] = []
    for part in key.split("."):
        number = _NUMBERED.fullmatch(part)
        path += [number[1], int(number[2]) - 1] if number else [part.strip("'\"")]
    return path


def _line_of(prefixes: _Prefixes, path: Sequence[str | int]) -> int:
    lines = prefixes.lines
    without, first_with, bound = 0, len(lines), len(lines)
    while bound - without > 1:
        middle = (without + bound) // 2
        end, values = next(
            ((end, values) for end in range(middle, bound) if (values := prefixes.parsed(end)) is not None), (bound, {})
        )
        if end == bound:
            bound = middle
        elif _has(values, path):
            first_with = bound = end
        else:
            without = end
    statement = range(without, first_with)
    return 1 + next((n for n in statement if lines[n].strip() and not lines[n].lstrip().startswith("#")), without)


class _TooLong(Exception):
    pass


class _Prefixes:
    """The first lines of a text, parsed; only so many characters are, because a strange file may have long values."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self._rest = _MOST_PARSED

    def parsed(self, end: int) -> dict[str, Any] | None:
        """Return the values of the first `end` lines; None if they are not whole statements. Raises _TooLong."""
        text = "\n".join(self.lines[:end])
        self._rest -= len(text) + 1
        if self._rest < 0:
            raise _TooLong
        try:
            return tomllib.loads(text)
        except (ValueError, RecursionError):
            return None


def _has(values: Any, path: Sequence[str | int]) -> bool:
    for part in path:
        known = range(len(values)) if isinstance(values, list) else values if isinstance(values, dict) else ()
        if part not in known:
            return False
        values = values[part]
    return True


def _syntax_error(text: str, error: Exception) -> TextError:
    if isinstance(error, RecursionError):
        return _error(None, "", "is nested too deeply, want a rig file")
    message = str(error)
    found = _POSITION.search(message)
    if found is None:
        return _error(None, "", f"not valid TOML: {message}")
    line = int(found[1]) if found[1] else text.rstrip("\n").count("\n") + 1
    return _error(line, "", f"not valid TOML: {message[: found.start()]}")


def _error(line: int | None, key: str, message: str) -> TextError:
    return {"line": line, "key": key, "message": message}


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value of TOML as JSON has it: dates and times as text."""
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, dict):
        return {key: _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each, depth + 1) for each in value]
    return value.isoformat() if isinstance(value, date | time) else value
