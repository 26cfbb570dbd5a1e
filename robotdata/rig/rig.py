"""Build a rig from its config: robot, teleoperator, cameras, control loop and disk."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from robotdata.capture import clock
from robotdata.capture.actions import ACTIONS, SENT
from robotdata.capture.approach import Approach
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.config import CameraConfig, RigConfig
from robotdata.capture.devices import INTERVENTION, DeviceContext, Robot
from robotdata.capture.errors import ConfigError
from robotdata.capture.inputs import Inputs
from robotdata.capture.loop import ControlLoop
from robotdata.capture.own_cameras import own_cameras
from robotdata.capture.processed import teleoperator_context, with_processors
from robotdata.capture.processors import OBSERVATION, ROBOT
from robotdata.capture.registry import Registry
from robotdata.capture.session import Timeouts
from robotdata.dataset.errors import FeatureError
from robotdata.dataset.features import complete
from robotdata.rig.disk import DiskWatch
from robotdata.spool.errors import SpoolError
from robotdata.spool.rows import columns_of

log = logging.getLogger(__name__)
CODEC = "mjpeg"
DEPTH_CODEC = "png"
_CAMERAS_S = 2.0
ENDINGS = ("hold", "release", "rest")


class Rig:
    """The devices of a rig and its control loop. Raises ConfigError or UnknownDevice if the config is invalid."""

    def __init__(
        self,
        config: RigConfig,
        spool: Path,
        *,
        registry: Registry | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        registry = registry or Registry()
        self.spool = spool
        self.started_as = ""  # the shell command that starts this rig again, without server address and token
        context = DeviceContext(config.name, config.fps)
        self.inputs = Inputs.of(context.shared)
        robot = registry.robot(config.robot.kind, context, config.robot.options)
        teleoperators = {
            name: registry.teleoperator(each.kind, teleoperator_context(context, config, name), each.options)
            for name, each in config.teleoperators.items()
        }
        robot, teleoperators = with_processors(config, registry, context, robot, teleoperators)
        drivers = [
            (each, registry.camera(each.kind, camera_context(context, each, index), each.options))
            for index, each in enumerate(config.cameras)
        ] + own_cameras(config, robot)
        self.cameras = [CameraThread(each, driver) for each, driver in drivers]
        self.config = config = replace(config, cameras=tuple(each for each, _ in drivers))
        timeouts = timeouts or Timeouts(connect_s=config.connect_s)
        approach = _approach(config, robot)
        self.loop = ControlLoop(
            robot, teleoperators, self.cameras, config.fps, timeouts=timeouts, rest=config.rest, approach=approach
        )
        self.approach_speed = approach.speed if approach is not None else 0.0
        self.robot_type = str(robot.robot_type)
        self.on_end = _ending(config, robot)
        self.recorded_action = config.recorded_action or _own_choice(config, robot)
        self.features: dict[str, Any] = {key: dict(value) for key, value in robot.features.items()}
        if self.loop.events.has_interventions:
            self.features.setdefault(INTERVENTION, {"dtype": "bool", "shape": [1], "names": None})
        for each in config.cameras:
            self.features[each.key] = each.feature
        _check_features(config, self.features)
        self.take_cameras = {
            each.key: {
                "codec": DEPTH_CODEC if each.depth else CODEC,
                "width": each.width,
                "height": each.height,
                "fps": each.fps,
            }
            for each in config.cameras
        }
        spool.mkdir(parents=True, exist_ok=True)
        self.disk = DiskWatch(spool, self.cameras, config.fps)

    def start_cameras(self) -> None:
        """Start every camera's thread; ticked cameras start with the loop."""
        for camera in self.cameras:
            camera.start()

    def stop(self) -> None:
        """Stop the loop, then the cameras; log and leave running what hangs."""
        for camera in self.cameras:
            camera.halt()
        if not self.loop.stop():
            for call in self.loop.hanging:
                log.error(
                    "%s of the %s does not return and is abandoned. Switch the device off",
                    call.method,
                    call.device.name,
                )
        end = clock.monotonic() + _CAMERAS_S
        for camera in self.cameras:
            camera.stop(max(0.0, end - clock.monotonic()))


def _own_choice(config: RigConfig, robot: Robot) -> str:
    """Return which action the robot's class records: SENT, unless it says otherwise. Raises ConfigError."""
    choice = getattr(robot, "recorded_action", SENT)
    if choice not in ACTIONS:
        where = f"rig {config.name}: robot of kind {config.robot.kind!r}"
        raise ConfigError(where, f"has recorded_action = {choice!r:.60}, want {' or '.join(ACTIONS)}")
    return str(choice)


def _approach(config: RigConfig, robot: Robot) -> Approach | None:
    """Return how the robot goes to its teleoperator once it is connected; None: at once. Raises ConfigError.

    A speed that the rig file does not have is the driver's choice; it counts where the robot observes its joints.
    """
    speed = getattr(robot, "approach_speed", 0.0) if config.approach_speed is None else config.approach_speed
    if not speed:
        return None
    where = f"{config.robot.options.where}.approach_speed"
    try:
        if {each.place for each in config.processors} & {ROBOT, OBSERVATION}:
            raise ValueError("values that a way could be computed with: its processors change them")
        return Approach(speed, robot.features, config.fps)
    except ValueError as error:
        if config.approach_speed is None:
            return None
        raise ConfigError(
            where, f"cannot be used: the robot's observation.state has no {error}; set it to 0"
        ) from error


def _ending(config: RigConfig, robot: Robot) -> str:
    """Return what happens to the robot's torque at the end, one of ENDINGS; empty if its driver does not say it."""
    if config.rest is not None and config.rest.at_end:
        return "rest"
    ending = getattr(robot, "on_end", "")
    return str(ending) if ending in ENDINGS else ""


def _check_features(config: RigConfig, features: dict[str, Any]) -> None:
    """Raise ConfigError for features that the spool or the dataset could not hold, before anything is recorded."""
    where = f"rig {config.name}: robot of kind {config.robot.kind!r}"
    if not str(features.get("action", {}).get("dtype")).startswith(("float", "int", "uint")):
        raise ConfigError(where, "needs a numeric feature 'action', which the teleoperator sends")
    try:
        complete(features)
        columns_of(features, [each.key for each in config.cameras])
    except (FeatureError, SpoolError) as error:
        raise ConfigError(where, f"returns data that a dataset cannot hold: {error}") from error


def camera_context(context: DeviceContext, camera: CameraConfig, index: int) -> DeviceContext:
    """Return what the driver of the camera `index` gets to know of its rig."""
    return DeviceContext(
        rig=context.rig,
        fps=context.fps,
        name=camera.name,
        width=camera.own_size[0],
        height=camera.own_size[1],
        camera_fps=camera.fps,
        camera_index=index,
        depth=camera.depth is not None,
        shared=context.shared,
        rotate=camera.rotate,
    )
