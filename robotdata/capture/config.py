"""Read the rig file: a TOML file that describes one rig."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robotdata.capture.actions import ACTIONS
from robotdata.capture.approach import FASTEST
from robotdata.capture.errors import ConfigError
from robotdata.capture.options import NAME, Options
from robotdata.capture.playback import SPEED as REPLAY_SPEED
from robotdata.capture.processors import ProcessorConfig, read_processors
from robotdata.capture.rest import Rest, read_rest
from robotdata.video.depth.scale import DepthScale
from robotdata.video.errors import EncodeError
from robotdata.video.upright import CLOCKWISE, Size, Turn

MAX_CAMERAS, MAX_TELEOPERATORS = 16, 8
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
    """The kind of a robot or teleoperator and the other keys of its table, for its driver to read."""

    kind: str
    options: Options


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One camera: `width` and `height` in pixels, once its pictures are turned, `fps` in frames per second."""

    name: str
    kind: str
    width: int
    height: int
    fps: float
    options: Options
    depth: DepthScale | None = None
    """The scale for encoding its depth; None for a colour camera."""
    rotate: int = 0
    """Degrees by which its pictures are turned clockwise, a key of CLOCKWISE."""

    @property
    def turn(self) -> Turn:
        """Return how the camera's own pictures are turned."""
        return CLOCKWISE[self.rotate]

    @property
    def own_size(self) -> Size:
        """Return the size of the camera's own pictures, before they are turned."""
        return self.turn.size(self.width, self.height)

    @property
    def feature(self) -> dict[str, Any]:
        """Return the camera's entry in LeRobot's `features`."""
        channels = 3 if self.depth is None else 1
        feature = {"dtype": "video", "shape": [self.height, self.width, channels], "names": list(CAMERA_NAMES)}
        return feature if self.depth is None else feature | {"info": self.depth.info("mm")}

    @property
    def key(self) -> str:
        """Return the name of the camera's feature."""
        return f"observation.images.{self.name}"


@dataclass(frozen=True, slots=True)
class RigConfig:
    """The checked content of a rig file; `fps` is the rate of the control loop in Hz."""

    name: str
    fps: float
    robot: DeviceConfig
    teleoperators: Mapping[str, DeviceConfig]
    """By name; the only one of a table [teleoperator] has the name ""."""
    cameras: tuple[CameraConfig, ...] = field(default=())
    connect_s: float = 30.0
    """Seconds that robot and teleoperator may take to connect."""
    recorded_action: str = ""
    """Which of a tick's two actions becomes `action` in a dataset, one of ACTIONS; empty: the robot's own choice."""
    rest: Rest | None = None
    """The pose in which the robot rests at the end or in a reset phase; None: it stays where it is."""
    replay_speed: float = REPLAY_SPEED
    """The speed limit of each joint while a recording is played back, in the joint's unit a second."""
    approach_speed: float | None = None
    """The speed limit of each joint on the way to the teleoperator once the robot is connected, in the joint's unit a
    second; 0: it goes at once. None: the robot's own choice."""
    python: str = ""
    """The Python that runs the rig; empty: the one that reads the file."""
    processors: tuple[ProcessorConfig, ...] = ()
    """The tables [[processor]], in their order."""

    @property
    def teleoperator(self) -> DeviceConfig:
        """Return the only teleoperator, or the first one."""
        return next(iter(self.teleoperators.values()))

    @property
    def devices(self) -> dict[str, DeviceConfig]:
        """Return robot and teleoperators by the names that messages call them: `robot`, `teleoperator arm`."""
        named = {f"teleoperator {name}".strip(): each for name, each in self.teleoperators.items()}
        return {"robot": self.robot, **named}


def read_config(path: Path | None) -> RigConfig:
    """Return the rig that the file at `path` describes, or the simulated rig if `path` is None. Raises ConfigError."""
    if path is None:
        return parse_config(DEFAULT, "the built-in rig")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"not valid TOML: {error}") from error
    return parse_config(values, path.name)


def parse_config(values: Mapping[str, Any], source: str) -> RigConfig:
    """Return the rig that `values` describe. Raises ConfigError, whose message begins with `source`."""
    top = Options(values, f"{source}: ")
    rig = top.table("rig")
    name = rig.name("name")
    fps = rig.rate("fps", 30, low=1, high=240)
    connect_s = rig.number("connect_s", 30, low=1, high=600)
    python = rig.text("python") if "python" in rig.names() else ""
    rig.refuse_unknown_keys()
    robot_table = top.table("robot")
    recorded_action = robot_table.text("action", among=ACTIONS) if "action" in robot_table.names() else ""
    table = values.get("robot")
    rest = read_rest(robot_table, table.get("on_end") if isinstance(table, dict) else None)
    replay_speed = float(robot_table.number("replay_speed", REPLAY_SPEED, low=0.01, high=10_000))
    approach_speed = (
        float(robot_table.number("approach_speed", 0, low=0, high=FASTEST))
        if "approach_speed" in robot_table.names()
        else None
    )
    robot = _device(robot_table)
    teleoperators = _teleoperators(top)
    processors = read_processors(top, list(teleoperators))
    tables = top.table("cameras")
    names = tables.names()
    if len(names) > MAX_CAMERAS:
        raise ConfigError(tables.where, f"{len(names)} cameras; want at most {MAX_CAMERAS}")
    by_casefold: dict[str, str] = {}
    for camera in names:
        if (other := by_casefold.setdefault(camera.casefold(), camera)) != camera:
            problem = f"differs from {other!r} only in case, which some file systems do not distinguish: rename one"
            raise ConfigError(f"{tables.where}.{camera}", problem)
    cameras = tuple(_camera(tables, camera, fps) for camera in names)
    top.refuse_unknown_keys()
    return RigConfig(
        name,
        fps,
        robot,
        teleoperators,
        cameras,
        connect_s,
        recorded_action,
        rest,
        replay_speed,
        approach_speed,
        python,
        processors,
    )


def _teleoperators(top: Options) -> dict[str, DeviceConfig]:
    """Return the teleoperators of [teleoperator], or of [teleoperators.<name>]; never of both."""
    if "teleoperators" not in top.names():
        return {"": _device(top.table("teleoperator"))}
    tables = top.table("teleoperators")
    if "teleoperator" in top.names():
        raise ConfigError(tables.where, "is set, and [teleoperator] as well; remove one of the two")
    names = tables.names()
    if not 1 <= len(names) <= MAX_TELEOPERATORS:
        raise ConfigError(tables.where, f"has {len(names)} tables; want 1 to {MAX_TELEOPERATORS}")
    for name in names:
        if not NAME.fullmatch(name):
            raise ConfigError(f"{tables.where}.{name!r}", "want a name of 1 to 48 letters, digits, _ or -")
    return {name: _device(tables.table(name)) for name in names}


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
        rotate=table.one_of("rotate", 0, tuple(CLOCKWISE)),
        options=table.rest(),
    )


def _depth(table: Options) -> DepthScale | None:
    """Return the scale from `depth_min`, `depth_max`, `shift` (metres) and `use_log`; None unless `depth` is true."""
    if not table.flag("depth"):
        return None
    default = DepthScale()
    low = float(table.number("depth_min", default.depth_min, low=0, high=1000))
    high = float(table.number("depth_max", default.depth_max, low=0, high=1000))
    if low >= high:
        raise ConfigError(f"{table.where}.depth_max", f"is {high:g} m, want more than depth_min ({low:g})")
    shift = float(table.number("shift", default.shift, low=0, high=1000))
    try:
        return DepthScale(low, high, shift, table.flag("use_log", default.use_log))
    except EncodeError as error:
        raise ConfigError(f"{table.where}.shift", str(error)) from error
