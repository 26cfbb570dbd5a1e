"""A mapping: which streams of a recording become which features of a take. It is saved as JSON and used again."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from robotdata.capture.texts import tidy_task
from robotdata.imports.errors import BadMapping
from robotdata.spool.facts import LONGEST, MAX_FPS

VERSION = 1


class Unit(NamedTuple):
    """What the numbers of a stream are multiplied by, and the unit that they have then, empty if nobody says it."""

    factor: float = 1.0
    after: str = ""


UNITS: dict[str, Unit] = {
    "": Unit(),
    "rad": Unit(after="rad"),
    "deg": Unit(after="°"),
    "m": Unit(after="m"),
    "mm": Unit(after="mm"),
    "rad_to_deg": Unit(180 / math.pi, "°"),
    "deg_to_rad": Unit(math.pi / 180, "rad"),
    "m_to_mm": Unit(1000.0, "mm"),
    "mm_to_m": Unit(0.001, "m"),
}
"""Units of recordings, and changes of one into another, by the name that a mapping has for them."""
DTYPES = ("", "float32", "float64", "int64", "bool")
ORDERS = ("rgb", "bgr")
_NAME = re.compile(r"[^/\\\x00-\x1f{}]{1,200}")
_RESERVED = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index", "task", ".", ".."})
_MOST_FEATURES, _MOST_NAMES, _LONGEST = 200, 4_096, 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """How one feature is made. The numbers of several `streams` follow each other in one row; a camera has one stream.

    `names` are those of the values, empty for those of the streams. `dtype` is empty for the stream's own, where floats
    become float32. `unit` is a key of UNITS. `order` is that of the channels of a raw picture.
    """

    streams: tuple[str, ...]
    names: tuple[str, ...] = ()
    dtype: str = ""
    unit: str = ""
    order: str = "rgb"


@dataclass(frozen=True, slots=True)
class Mapping:
    """The rules by feature, and what is said of every take. `fps` 0 and an empty `task` stand for the recording's own.

    `task_stream` is a stream of text whose first message is the task.
    """

    features: dict[str, Rule] = field(default_factory=dict)
    fps: float = 0.0
    robot_type: str = ""
    task: str = ""
    task_stream: str = ""

    @property
    def streams(self) -> list[str]:
        """Return the paths of all streams that the mapping reads, each once."""
        paths = [path for rule in self.features.values() for path in rule.streams]
        return list(dict.fromkeys([*paths, *([self.task_stream] if self.task_stream else [])]))

    def to_json(self) -> dict[str, Any]:
        """Return the mapping as it is saved."""
        rules = {
            name: {"streams": list(rule.streams), "names": list(rule.names)}
            | {key: getattr(rule, key) for key in ("dtype", "unit", "order")}
            for name, rule in self.features.items()
        }
        said = {key: getattr(self, key) for key in ("fps", "robot_type", "task", "task_stream")}
        return {"version": VERSION, **said, "features": rules}

    @property
    def digest(self) -> str:
        """Return a short name of the mapping: equal mappings have the same."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]


def parse_mapping(value: Any) -> Mapping:
    """Return the mapping in parsed JSON. Raises BadMapping, naming the field, if it is invalid."""
    table = _table(value, "the mapping", {"version", "fps", "robot_type", "task", "task_stream", "features", "name"})
    if table.get("version", VERSION) != VERSION:
        raise BadMapping(f"the mapping has version {table['version']!r:.40}; this program reads {VERSION}")
    features = _table(table.get("features", {}), "`features`", None)
    if len(features) > _MOST_FEATURES:
        raise BadMapping(f"the mapping has {len(features):,} features; want at most {_MOST_FEATURES}")
    fps = table.get("fps") or 0.0
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 <= fps <= MAX_FPS:
        raise BadMapping(f"`fps` is {fps!r:.40}; want a number up to {MAX_FPS}, or 0 for the recording's own")
    return Mapping(
        {_feature_name(name): _rule(name, rule) for name, rule in features.items()},
        float(fps),
        _text(table, "robot_type", 120),
        tidy_task(_text(table, "task", LONGEST["task"])),
        _text(table, "task_stream", _LONGEST),
    )


def is_text(value: str) -> bool:
    """Return whether UTF-8 can hold the text, and thus databases and file systems."""
    return value.encode("utf-8", "replace").decode() == value and "\0" not in value


def _feature_name(name: str) -> str:
    if not _NAME.fullmatch(name) or not is_text(name) or name in _RESERVED or name.startswith("."):
        raise BadMapping(
            f"{name!r:.60} cannot be the name of a feature: want letters such as observation.state, without a slash, "
            "and none of LeRobot's own columns"
        )
    return name


def _rule(name: str, value: Any) -> Rule:
    where = f"feature {name!r:.60}"
    table = _table(value, where, {"streams", "names", "dtype", "unit", "order"})
    rule = Rule(
        _texts(table.get("streams"), f"`streams` of {where}"),
        _texts(table.get("names") or [], f"`names` of {where}"),
        _choice(table, "dtype", DTYPES, where),
        _choice(table, "unit", tuple(UNITS), where),
        _choice(table, "order", ORDERS, where) or "rgb",
    )
    if not rule.streams:
        raise BadMapping(f"{where} names no stream; remove it, or name one")
    return rule


def _table(value: Any, what: str, keys: set[str] | None) -> Table[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadMapping(f"{what} must be an object, but is {value!r:.60}")
    if keys is not None and (unknown := value.keys() - keys):
        raise BadMapping(f"{what} has the unknown field {sorted(unknown)[0]!r:.60}; want {', '.join(sorted(keys))}")
    return value


def _texts(value: Any, what: str) -> tuple[str, ...]:
    valid = isinstance(value, list) and len(value) <= _MOST_NAMES
    if not valid or not all(isinstance(each, str) and 0 < len(each) <= _LONGEST and is_text(each) for each in value):
        raise BadMapping(f"{what} must be a list of texts, but is {value!r:.60}")
    return tuple(value)


def _text(table: Table[str, Any], name: str, longest: int) -> str:
    value = table.get(name) or ""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable() or not is_text(value):
        raise BadMapping(f"`{name}` must be a text of at most {longest} characters, but is {value!r:.60}")
    return value


def _choice(table: Table[str, Any], name: str, choices: tuple[str, ...], where: str) -> str:
    value = table.get(name) or ""
    if value and value not in choices:
        listed = ", ".join(choice for choice in choices if choice)
        raise BadMapping(f"`{name}` of {where} is {value!r:.40}; want one of {listed}, or nothing")
    return str(value)
