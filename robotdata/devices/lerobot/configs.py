"""Decode a table of the rig file with LeRobot's own config classes; an error names the key and the expected value."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import Options
from robotdata.devices.lerobot.library import Library, load, one_line

TORQUE = "disable_torque_on_disconnect"
RELEASES = {"hold": False, "release": True}


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked table: LeRobot's `config` for a device of this role and type, and where the table is in the file."""

    role: str
    type: str
    where: str
    library: Library
    config: Any

    def error(self, key: str, problem: str) -> ConfigError:
        """Return the error of one key of the table."""
        return ConfigError(f"{self.where}.{key}", problem)


def read_settings(role: str, options: Options, given: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings that a table describes; `given` are values that robotdata's own keys have set.

    Raises ConfigError if LeRobot is missing, does not know the type, or does not accept the values.
    """
    library = load(role, options.where)
    type_name = _type(library, options)
    ending = options.text("on_end", among=tuple(RELEASES)) if "on_end" in options.names() else None
    config_class = library.types[type_name]
    values = options.remaining()
    _check_keys(type_name, config_class, values, options.where)
    names = {each.name for each in dataclasses.fields(config_class) if each.init}
    values |= {key: value for key, value in (given or {}).items() if key in names}
    settings = Settings(role, type_name, options.where, library, _decoded(library, config_class, values, options.where))
    if ending is not None:
        _set_ending(settings, ending, values)
    return settings


def camera_values(context: DeviceContext) -> dict[str, Any]:
    """Return the keys of a camera that robotdata reads itself, in LeRobot's words."""
    return {"width": context.width, "height": context.height, "fps": round(context.camera_fps)}


def parts_of(config: Any) -> Iterator[Any]:
    """Yield a config and the configs in it, such as those of a robot's two arms and of its cameras."""
    yield config
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        for part in value.values() if isinstance(value, Mapping) else [value]:
            if dataclasses.is_dataclass(part) and not isinstance(part, type):
                yield from parts_of(part)


def hints_of(config: type) -> dict[str, Any]:
    """Return the types of a config's keys; empty if they cannot be told."""
    try:
        return typing.get_type_hints(config)
    except Exception:  # noqa: BLE001  a plug-in's annotations may name what cannot be imported
        return {}


def part_classes(config: type) -> dict[str, type]:
    """Return the config classes that are keys of another one, by key, such as those of a robot's two arms.

    A key whose table chooses the class by its `type`, as a camera's does, is none of them: LeRobot decodes it.
    """
    hints, keys = hints_of(config), [each.name for each in dataclasses.fields(config) if each.init]
    return {key: hints[key] for key in keys if key in hints and _is_plain_config(hints[key])}


def _is_plain_config(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint) and not hasattr(hint, "get_known_choices")


def _type(library: Library, options: Options) -> str:
    names = sorted(library.types)
    value = options.text("type") if "type" in options.names() else None
    if value in library.types:
        return str(value)
    near = difflib.get_close_matches(str(value), names, 1)
    problem = "is missing" if value is None else f"is {value!r:.60}, which LeRobot {library.version} does not know"
    hint = f"did you mean {near[0]!r}? " if near else ""
    failed = "".join(f"; {name} cannot be imported: {reason}" for name, reason in library.failed.items())
    raise ConfigError(f"{options.where}.type", f"{problem}; {hint}known: {', '.join(names)}{failed}")


def _check_keys(type_name: str, config: type, values: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError for a key that the type does not have, and for one that it needs; also in the configs in it."""
    fields = {each.name: each for each in dataclasses.fields(config) if each.init}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"{type_name} has: {', '.join(sorted(fields))}"
            raise ConfigError(f"{where}.{key}", f"unknown key; {hint}")
    for key, each in fields.items():
        needed = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if needed and key not in values:
            raise ConfigError(f"{where}.{key}", f"is missing; {type_name} needs it")
    for key, part in part_classes(config).items():
        if key in values:
            if not isinstance(values[key], Mapping):
                raise ConfigError(f"{where}.{key}", f"is {values[key]!r:.60}, want a table")
            _check_keys(f"{type_name}'s {key}", part, values[key], f"{where}.{key}")


def _decoded(library: Library, config_class: type, values: dict[str, Any], where: str) -> Any:
    try:
        return library.decode(config_class, values)
    except Exception as error:  # a config class may check its values with errors of any kind
        path = getattr(error, "key_path", None) or ()
        while error.__cause__ is not None and not path:  # draccus wraps what a class says of its values
            error = error.__cause__  # type: ignore[assignment]
        reason = one_line(str(getattr(error, "message", None) or error))
        raise ConfigError(".".join([where, *map(str, path)]), reason[:300]) from error


def _set_ending(settings: Settings, ending: str, values: Mapping[str, Any]) -> None:
    """Set whether the motors keep their torque when the rig disconnects."""
    if TORQUE in values:
        raise settings.error("on_end", f"is set, and {TORQUE} as well; remove one of the two")
    parts = [part for part in parts_of(settings.config) if hasattr(part, TORQUE)]
    if not parts:
        raise settings.error("on_end", f"is set, but LeRobot leaves no choice for {settings.type}; remove it")
    for part in parts:
        setattr(part, TORQUE, RELEASES[ending])
