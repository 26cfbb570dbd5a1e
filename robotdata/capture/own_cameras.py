"""Cameras that belong to a robot: their pictures come with its observation, and are those of its tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robotdata.capture.config import MAX_CAMERAS, CameraConfig, RigConfig
from robotdata.capture.devices import OwnCamera, Picture, Robot
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import NAME, Options
from robotdata.video.depth.scale import DepthScale

KIND = "robot"
"""The kind of a camera that no table of the rig file describes."""


class ObservedCamera:
    """Gives at each tick the picture that the robot's driver has put here by `show` in the same tick."""

    def __init__(self) -> None:
        self._picture: Picture | None = None

    def show(self, picture: Picture) -> None:
        """Take the picture of the newest observation."""
        self._picture = picture

    def connect(self) -> None:
        self._picture = None

    def grab(self, tick: int) -> Picture:
        if self._picture is None:
            raise DeviceError("the robot's observation had no picture of it yet")
        return self._picture

    def read(self) -> Picture:
        raise DeviceError("the control loop reads this camera")

    def disconnect(self) -> None: ...


def own_cameras(config: RigConfig, robot: Robot) -> list[tuple[CameraConfig, Any]]:
    """Return the cameras that come with a robot, as a rig's, and their drivers.

    Raises ConfigError if one has the name of a camera of the rig file, or a name or size that no dataset could hold.
    """
    declared: Mapping[str, OwnCamera] = getattr(robot, "cameras", None) or {}
    by_name = {each.name.casefold(): each for each in config.cameras}
    taken = set(by_name)
    found = []
    for name, own in declared.items():
        where = f"rig {config.name}: camera {name!r} of the robot of kind {config.robot.kind!r}"
        if not NAME.fullmatch(name):
            raise ConfigError(where, "comes with the observation; want a name of 1 to 48 letters, digits, _ or -")
        if name.casefold() in taken:
            other = by_name.get(name.casefold())
            problem = (
                "has the name of a picture that comes with the robot's observation; rename it, or remove one of both"
            )
            raise ConfigError(other.options.where if other else where, problem)
        taken.add(name.casefold())
        size = Options({"width": own.width, "height": own.height}, where)
        width, height = size.size("width"), size.size("height")
        depth = DepthScale() if own.depth else None
        camera = CameraConfig(name, KIND, width, height, config.fps, Options({}, where), depth)
        found.append((camera, own.driver))
    if len(taken) > MAX_CAMERAS:
        raise ConfigError(
            f"rig {config.name}", f"has {len(taken)} cameras, with the robot's; want at most {MAX_CAMERAS}"
        )
    return found
