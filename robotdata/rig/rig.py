"""A rig's parts put together: robot, teleoperator, cameras and loop, made from its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.config import RigConfig
from robotdata.capture.devices import DeviceContext
from robotdata.capture.loop import ControlLoop
from robotdata.capture.registry import Registry
from robotdata.rig.disk import DiskWatch

CODEC = "mjpeg"
DEPTH_CODEC = "png"


class Rig:
    """Everything that moves and sees. Raises ConfigError or UnknownDevice where the file is wrong."""

    def __init__(self, config: RigConfig, spool: Path, *, registry: Registry | None = None) -> None:
        registry = registry or Registry()
        self.config = config
        self.spool = spool
        self.on_failure: Callable[[str], None] = lambda text: None
        context = DeviceContext(config.name, config.fps)
        robot = registry.robot(config.robot.kind, context, config.robot.options)
        teleoperator = registry.teleoperator(config.teleoperator.kind, context, config.teleoperator.options)
        self.cameras = [
            CameraThread(each, registry.camera(each.kind, _camera_context(context, each, place), each.options))
            for place, each in enumerate(config.cameras)
        ]
        self.loop = ControlLoop(
            robot, teleoperator, self.cameras, config.fps, on_failure=lambda text: self.on_failure(text)
        )
        self.robot_type = robot.robot_type
        self.features: dict[str, Any] = {key: dict(value) for key, value in robot.features.items()}
        for each in config.cameras:
            self.features[each.key] = each.feature
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

    started_as = ""  # the command that starts this rig again, without address and token

    def start_cameras(self) -> None:
        for camera in self.cameras:
            camera.start()

    def stop(self) -> None:
        """Stop the loop, then the cameras."""
        self.loop.stop()
        for camera in self.cameras:
            camera.halt()
        for camera in self.cameras:
            camera.stop()


def _camera_context(context: DeviceContext, camera: Any, place: int) -> DeviceContext:
    return DeviceContext(
        rig=context.rig,
        fps=context.fps,
        name=camera.name,
        width=camera.width,
        height=camera.height,
        camera_fps=camera.fps,
        camera_index=place,
        depth=camera.depth is not None,
        shared=context.shared,
    )
