"""The keys of LeRobot's types for forms, read off their config classes: kind, default, choices, and help."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from robotdata.devices.lerobot.configs import RELEASES, TORQUE, hints_of, part_classes
from robotdata.devices.lerobot.library import Library, one_line

_OURS = {"robot": ("cameras",), "camera": ("width", "height", "fps", "use_rgb", "use_depth")}
"""Keys that robotdata sets itself."""
APPROACH_SPEED = 30.0
"""Degrees, or per cent of its range, a second: the speed of a move to a rest pose, too."""
_GIVEN = {"id": "Name of the device; its calibration is kept under this name."}
_CODE = re.compile(r"^ {4}(\w+)\s*:")
_ITEM = re.compile(r"^\s+(\w+)\s*(?:\([^)]*\))?:\s+(.+)")
_LONGEST_HELP, _LONGEST_DEFAULT = 400, 2000


def types_of(role: str, library: Library) -> list[dict[str, Any]]:
    """Return every type of a role with its keys, as `robotdata.station.protocol.DeviceKind`."""
    return [
        {
            "role": role,
            "kind": "lerobot",
            "type": name,
            "label": name.replace("_", " "),
            "help": _summary(config),
            "fields": fields_of(role, config),
        }
        for name, config in sorted(library.types.items())
    ]


def fields_of(role: str, config: type) -> list[dict[str, Any]]:
    """Return the keys of a config class, the required ones first, as `robotdata.station.protocol.Field`."""
    found = _own_fields(role, config)
    parts = [found, *(field["fields"] for field in found if "fields" in field)]
    if role == "robot" and any(field["key"] == TORQUE for part in parts for field in part):
        for part in parts:
            part[:] = [field for field in part if field["key"] != TORQUE]
        text = "What the motors do when the rig ends: hold, let go, and the arm falls, or go to rest first."
        found.append(
            {"key": "on_end", "kind": "choice", "required": False, "default": "release", "help": text}
            | {"choices": [*RELEASES, "rest"]}
        )
    if role == "robot":
        text = "How fast a joint may move to the teleoperator once connected, in its unit a second; 0: it jumps there."
        found.append(
            {"key": "approach_speed", "kind": "number", "required": False, "default": APPROACH_SPEED, "help": text}
        )
    if role == "teleoperator":
        text = "Send it what the robot observes, so that a leader with torque follows the robot. It moves then."
        found.append({"key": "feedback", "kind": "flag", "required": False, "default": False, "help": text})
    return sorted(found, key=lambda field: not field["required"])


def _own_fields(role: str, config: type, *, is_part: bool = False) -> list[dict[str, Any]]:
    """Return the keys that the class itself has, and the keys of the configs in it, such as those of two arms."""
    hints, helps, parts = hints_of(config), dict(_helps(config)), part_classes(config)
    found = []
    for each in dataclasses.fields(config):
        if not each.init or each.name in _OURS.get(role, ()):
            continue
        kind, choices = _kind(each.name, hints.get(each.name, each.type))
        required = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        field = {"key": each.name, "kind": kind, "required": required, "default": None if required else _default(each)}
        field["help"] = helps.get(each.name) or _GIVEN.get(each.name, "")
        field |= {"choices": choices} if choices else {}
        if not is_part and each.name in parts:
            field["fields"] = _own_fields(role, parts[each.name], is_part=True)
        found.append(field)
    return sorted(found, key=lambda field: not field["required"])


def _kind(name: str, hint: Any) -> tuple[str, list[str]]:
    """Return the kind of a key's form field, and its choices."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [_kind(name, each) for each in arguments if each is not type(None)]
        known = [each for each in kinds if each[0] != "text"]
        return (known or kinds or [("text", [])])[0] if len(kinds) < 2 else _of_several(kinds)
    if origin is typing.Literal:
        texts = [each for each in arguments if isinstance(each, str)]
        return ("choice", texts) if len(texts) == len(arguments) else ("integer", [])
    target = origin or hint
    if not isinstance(target, type):
        return ("port" if name == "port" else "text"), []
    if issubclass(target, enum.Enum):
        return "choice", [_choice(each) for each in target]
    for kind, classes in _KINDS.items():
        if issubclass(target, classes):
            return kind, []
    if dataclasses.is_dataclass(target):
        return "table", []
    return ("port" if name == "port" or name.endswith("_port") and issubclass(target, str) else "text"), []


_KINDS: dict[str, tuple[type, ...]] = {
    "flag": (bool,),
    "integer": (int,),
    "number": (float,),
    "table": (dict, Mapping),
    "list": (list, tuple, set),
}


def _choice(member: enum.Enum) -> str:
    """Return how a rig file names a member: by its value if that is a text, else by its name. LeRobot reads both."""
    return member.value if isinstance(member.value, str) else member.name


def _of_several(kinds: Sequence[tuple[str, list[str]]]) -> tuple[str, list[str]]:
    """Return the kind for a key of several types: a number for whole and other numbers, else a text."""
    names = {kind for kind, _ in kinds}
    if names <= {"integer", "number"}:
        return "number", []
    return next((each for each in kinds if each[0] in ("table", "list")), ("text", []))


def _default(field: dataclasses.Field[Any]) -> Any:
    """Return the default as JSON has it; None if it has no such form."""
    value = field.default
    if value is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        try:
            value = field.default_factory()
        except Exception:  # noqa: BLE001  a plug-in's factory may raise anything
            return None
    if isinstance(value, enum.Enum):
        return _choice(value)
    try:
        text = json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return json.loads(text) if len(text) <= _LONGEST_DEFAULT else None


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return _choice(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError


def _summary(config: type) -> str:
    """Return the first sentence of a class's own docstring; dataclasses without one have their signature there."""
    text = config.__dict__.get("__doc__") or ""
    if text.startswith(f"{config.__name__}("):
        return ""
    return one_line(text.strip().split("\n\n")[0])[:_LONGEST_HELP]


def _helps(config: type) -> Iterator[tuple[str, str]]:
    """Yield what the source says of each key: in comments above or behind it, or in the class's docstring."""
    for base in reversed(config.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        yield from _items(inspect.cleandoc(base.__dict__.get("__doc__") or "").split("\n"))
        try:
            lines = inspect.getsource(base).split("\n")
        except (OSError, TypeError):
            continue
        yield from _comments(lines)


def _items(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the items of a docstring's "Args:" or "Attributes:", with the lines that continue them."""
    name, depth, text = "", 0, ""
    for line in [*lines, ""]:
        indent = len(line) - len(line.lstrip())
        if name and line.strip() and indent > depth:
            text += f" {line.strip()}"
            continue
        if name:
            yield name, text[:_LONGEST_HELP]
        found = _ITEM.match(line)
        name, depth, text = (found[1], indent, one_line(found[2])) if found else ("", 0, "")


def _comments(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    above: list[str] = []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("#"):
            above.append(stripped.lstrip("# "))
            continue
        if found := _CODE.match(line):
            behind = line.partition("  # ")[2]
            text = one_line(" ".join(above) or behind)
            if text:
                yield found[1], text[:_LONGEST_HELP]
        above = []
