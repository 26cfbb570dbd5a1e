"""A rig in one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robotdata.capture.errors import ConfigError
from robotdata.capture.options import NAME, Options
from robotdata.video.depth.scale import DepthScale
from robotdata.video.errors import EncodeError

MAX_CAMERAS = 16
CAMERA_NAMES = ("height", "width", "channels")
DEFAULT: dict[str, Any] = {
    "rig": {"name": "sim", "fps": 30},
    "robot": {"kind": "sim"},
    "teleoperator": {"kind": "autopilot"},
    "cameras": {name: {"kind": "sim"} for name in ("front", "top", "wrist")},
}
"""The rig of a fresh install: a simulated arm with three cameras."""


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """The kind of a device and its own keys."""

    kind: str
    options: Options


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One camera: size in pixels, rate in frames per second."""

    name: str
    kind: str
    width: int
    height: int
    fps: float
    options: Options
    depth: DepthScale | None = None
    """How its depth will be encoded; None: it gives colours."""

    @property
    def feature(self) -> dict[str, Any]:
        """What LeRobot says of such a camera."""
        channels = 3 if self.depth is None else 1
        made = {"dtype": "video", "shape": [self.height, self.width, channels], "names": list(CAMERA_NAMES)}
        return made if self.depth is None else made | {"info": self.depth.info("mm")}

    @property
    def key(self) -> str:
        """The feature that its frames become."""
        return f"observation.images.{self.name}"


@dataclass(frozen=True, slots=True)
class RigConfig:
    """Everything that a rig's file says."""

    name: str
    fps: float
    robot: DeviceConfig
    teleoperator: DeviceConfig
    cameras: tuple[CameraConfig, ...] = field(default=())
    connect_s: float = 30.0
    """How long robot and teleoperator may take to connect."""


def read_config(path: Path | None) -> RigConfig:
    """The rig that `path` describes, or the simulated one without a path; raises ConfigError."""
    if path is None:
        return parse_config(DEFAULT, "the built-in rig")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"is not valid TOML: {error}") from error
    return parse_config(values, path.name)


def parse_config(values: Mapping[str, Any], source: str) -> RigConfig:
    """The rig that `values` describe; `source` is how messages call them. Raises ConfigError."""
    top = Options(values, f"{source}: ")
    rig = top.table("rig")
    name = rig.name("name")
    fps = rig.rate("fps", 30, low=1, high=240)
    connect_s = rig.number("connect_s", 30, low=1, high=600)
    rig.done()
    robot = _device(top.table("robot"))
    teleoperator = _device(top.table("teleoperator"))
    tables = top.table("cameras")
    names = tables.names()
    if len(names) > MAX_CAMERAS:
        raise ConfigError(tables.where, f"{len(names)} cameras; want at most {MAX_CAMERAS}")
    alike: dict[str, str] = {}
    for each in names:
        if (other := alike.setdefault(each.casefold(), each)) != each:
            words = f"differs from {other!r} only in case, which some file systems do not distinguish: rename one"
            raise ConfigError(f"{tables.where}.{each}", words)
    cameras = tuple(_camera(tables, each, fps) for each in names)
    top.done()
    return RigConfig(name, fps, robot, teleoperator, cameras, connect_s)


def _device(table: Options) -> DeviceConfig:
    return DeviceConfig(table.name("kind"), table.rest())


def _camera(tables: Options, name: str, fps: float) -> CameraConfig:
    if not NAME.fullmatch(name):
        raise ConfigError(f"{tables.where}.{name!r}", "want a name of 1 to 48 letters, digits, _ or -")
    table = tables.table(name)
    return CameraConfig(
        name=name,
        kind=table.name("kind"),
        width=table.size("width", 640),
        height=table.size("height", 480),
        fps=table.rate("fps", fps, low=1, high=240),
        depth=_depth(table),
        options=table.rest(),
    )


def _depth(table: Options) -> DepthScale | None:
    """`depth`, and with it `depth_min`, `depth_max` and `shift` in metres and `use_log`."""
    if not table.flag("depth"):
        return None
    usual = DepthScale()
    low = float(table.number("depth_min", usual.depth_min, low=0, high=1000))
    high = float(table.number("depth_max", usual.depth_max, low=0, high=1000))
    if low >= high:
        raise ConfigError(f"{table.where}.depth_max", f"is {high:g} m, want more than depth_min ({low:g})")
    shift = float(table.number("shift", usual.shift, low=0, high=1000))
    try:
        return DepthScale(low, high, shift, table.flag("use_log", usual.use_log))
    except EncodeError as error:
        raise ConfigError(f"{table.where}.shift", str(error)) from error
