"""The joints that a browser drives: their limits, speeds, keys and places on a gamepad, from the rig file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from robotdata.capture.actions import is_velocity
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options

KEYS = (("q", "a"), ("w", "s"), ("e", "d"), ("r", "f"), ("t", "g"), ("y", "h"), ("u", "j"), ("i", "k"))
"""By place of the joint: the key that makes its value larger, and the one that makes it smaller."""
AXES: tuple[tuple[int, bool], ...] = ((0, False), (1, True), (3, True), (2, False))
"""By place of the joint: an axis of the standard gamepad, and whether it is turned round. Up is more."""
BUTTONS = ((5, 4), (0, 1), (12, 13), (15, 14))
"""By place of the joint behind those with an axis: two buttons of the standard gamepad, for more and for less."""
HOLD_BUTTON = 7
"""The right trigger of the standard gamepad."""
_SUFFIXES = (".pos", ".vel")
_ALL = ("low", "high", "speed", "unit")
_LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class Joint:
    """One value of the robot's action: `low`, `high` and `start` in its unit, `speed` in its unit per second.

    `start` is where a joint stands that the robot does not observe; None if it does. A joint with `velocity` is a
    speed, which is 0 while nobody drives.
    """

    name: str
    low: float
    high: float
    speed: float
    unit: str = ""
    velocity: bool = False
    start: float | None = None
    keys: tuple[str, ...] = ()
    axis: int | None = None
    invert: bool = False
    plus_button: int | None = None
    minus_button: int | None = None

    def described(self) -> dict[str, Any]:
        """Return the joint as pages get it, as plain values."""
        described = asdict(self)
        del described["start"]
        return described | {"keys": list(self.keys), "label": short_name(self.name)}


def short_name(name: str) -> str:
    """Return a joint's name without LeRobot's suffix."""
    return next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)


def read_joints(names: Sequence[str], observed: Sequence[str], options: Options) -> list[Joint]:
    """Return the joints `names`, from `low`, `high`, `speed`, `unit` for all and the table `joints` for single ones.

    `observed` are the names of the joints that the robot observes. Raises ConfigError.
    """
    common = {key: options.plain(key) for key in _ALL}
    tables = options.table("joints")
    by_name = {name: name for name in names} | {short_name(name): name for name in names}
    chosen: dict[str, Options] = {}
    for key in tables.names():
        if key not in by_name:
            raise ConfigError(f"{tables.where}.{key}", f"is not a joint of this robot; it has {', '.join(names)}")
        chosen[by_name[key]] = tables.table(key)
    joints = []
    for index, name in enumerate(names):
        table = chosen.get(name) or Options({}, f"{tables.where}.{short_name(name)}")
        joints.append(_joint(table, common, name, index, is_observed=name in observed))
        table.refuse_unknown_keys()
    _refuse_keys_twice(joints, tables)
    return joints


def _joint(table: Options, common: dict[str, Any], name: str, index: int, *, is_observed: bool) -> Joint:
    low = table.number("low", common["low"], low=-_LARGEST, high=_LARGEST)
    high = table.number("high", common["high"], low=-_LARGEST, high=_LARGEST)
    if low >= high:
        raise ConfigError(f"{table.where}.high", f"is {high:g}, want more than low ({low:g})")
    velocity = table.flag("velocity", is_velocity(name))
    if velocity and not low <= 0 <= high:
        raise ConfigError(f"{table.where}.low", f"is {low:g} to {high:g}; a velocity needs 0 between them")
    speed = common["speed"] if common["speed"] is not None else (high - low) / (1 if velocity else 4)
    start = None
    if not velocity and not is_observed:
        if "start" not in table.names():
            problem = "is missing: the robot does not observe this joint by name, so say where it stands at first"
            raise ConfigError(f"{table.where}.start", problem)
        start = table.number("start", low=low, high=high)
    pads = BUTTONS[index - len(AXES)] if len(AXES) <= index < len(AXES) + len(BUTTONS) else (None, None)
    axis, invert = AXES[index] if index < len(AXES) else (None, False)
    return Joint(
        name=name,
        low=float(low),
        high=float(high),
        speed=float(table.number("speed", speed, low=1e-6, high=_LARGEST)),
        unit=table.text("unit", common["unit"]) if "unit" in table.names() or common["unit"] else "",
        velocity=velocity,
        start=start,
        keys=_keys(table, KEYS[index] if index < len(KEYS) else ()),
        axis=_whole(table, "axis", axis),
        invert=table.flag("invert", invert),
        plus_button=_whole(table, "plus_button", pads[0]),
        minus_button=_whole(table, "minus_button", pads[1]),
    )


def _whole(table: Options, key: str, default: int | None) -> int | None:
    if key not in table.names():
        return default
    value = table.number(key, low=0, high=31)
    if value != math.floor(value):
        raise ConfigError(f"{table.where}.{key}", f"is {value!r}, want a whole number from 0 to 31")
    return int(value)


def _keys(table: Options, default: tuple[str, ...]) -> tuple[str, ...]:
    if "keys" not in table.names():
        return default
    keys = table.plain("keys")
    valid = isinstance(keys, list) and len(keys) == 2 and all(isinstance(k, str) and len(k) == 1 for k in keys)
    if not valid or not all(key.isascii() and key.islower() for key in keys):
        raise ConfigError(f"{table.where}.keys", f'is {keys!r:.60}, want two small letters such as ["q", "a"]')
    return tuple(keys)


def _refuse_keys_twice(joints: Sequence[Joint], tables: Options) -> None:
    owners: dict[str, str] = {}
    for joint in joints:
        for key in joint.keys:
            if key in owners:
                problem = f"has the key {key!r}, which {owners[key]} has too; choose another"
                raise ConfigError(f"{tables.where}.{short_name(joint.name)}.keys", problem)
            owners[key] = short_name(joint.name)
