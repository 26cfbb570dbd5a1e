"""The cameras that LeRobot's own types find by their `find_cameras`, each with the key that names it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from robotdata.capture.session import describe_error
from robotdata.devices.lerobot.fields import fields_of
from robotdata.devices.lerobot.library import load, one_line

_ELSEWHERE = ("opencv", "intelrealsense")
"""Types whose cameras are listed without LeRobot: V4L2 by a stable path, a RealSense by pyrealsense2."""


def plugged_in(failed: dict[str, str]) -> list[dict[str, Any]]:
    """Return the cameras that are plugged in, as `robotdata.station.protocol.FoundCamera`; add to `failed` why not.

    Raises ConfigError if there is no LeRobot.
    """
    found: list[dict[str, Any]] = []
    for name, config in sorted(load("camera", "LeRobot").types.items()):
        find, key = getattr(_camera_class(config), "find_cameras", None), _key_of(config)
        if name in _ELSEWHERE or find is None or key is None:
            continue
        try:
            found += list(_cameras(name, key, find()))
        except NotImplementedError:
            continue  # this type, such as a network camera, cannot be found
        except Exception as error:  # noqa: BLE001  a driver may raise anything; the others are asked nevertheless
            failed[name] = one_line(describe_error(error))
    return found


def _camera_class(config: type) -> Any:
    """Return the camera of a config class: LeRobot finds it by the same rule, the name without "Config"."""
    module, name = config.__module__, config.__name__.removesuffix("Config")
    package = module.rpartition(".")[0]
    for place in (module, package):
        if (found := getattr(sys.modules.get(place), name, None)) is not None:
            return found
    return None


def _key_of(config: type) -> str | None:
    """Return the only key that a table of this type must have, which is what says which camera it is."""
    required = [field["key"] for field in fields_of("camera", config) if field["required"]]
    return required[0] if len(required) == 1 else None


def _cameras(name: str, key: str, listed: Any) -> Iterator[dict[str, Any]]:
    for each in listed:
        camera = dict(each)
        value = camera.get("id")
        if isinstance(value, int | str) and not isinstance(value, bool):
            table = {"kind": "lerobot", "type": name, key: value}
            yield {"name": str(camera.get("name") or name), "about": str(value), "table": table, "depth": False}
