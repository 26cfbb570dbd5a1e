"""The kinds of devices. A new kind needs one file, one line here and one test file, or an entry point of any package.

Entry points of the group `robotdata.devices` are named `robot.<kind>`, `camera.<kind>` or `teleoperator.<kind>`
and name a factory `make(context: DeviceContext, options: Options)`. That of a `processor.<kind>` also gets its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import metadata
from typing import Any

from robotdata.capture import browser_camera, browser_teleoperator, pyav_camera, sim
from robotdata.capture.devices import ROBOT_FEATURES, Camera, DeviceContext, Robot, Teleoperator
from robotdata.capture.errors import CaptureError, ConfigError, UnknownDevice
from robotdata.capture.options import Options
from robotdata.capture.processors import Processor
from robotdata.capture.session import describe_error

log = logging.getLogger(__name__)
GROUP = "robotdata.devices"
ROLES = ("robot", "teleoperator", "camera")
PROCESSOR = "processor"
Factory = Callable[[DeviceContext, Options], Any]

BUILT_IN: dict[str, dict[str, Factory]] = {
    "robot": {"sim": sim.make_robot},
    "teleoperator": {"autopilot": sim.make_autopilot, "browser": browser_teleoperator.make_browser},
    "camera": {"sim": sim.make_camera, "pyav": pyav_camera.make_camera, "browser": browser_camera.make_browser},
}
_ROLES_OF = {"lerobot": (*ROLES, PROCESSOR), "gymnasium": ROLES, "realsense": ("camera",)}
OURS = tuple(
    metadata.EntryPoint(f"{role}.{kind}", f"robotdata.devices.{kind}.{role}:make_{role}", GROUP)
    for kind, roles in _ROLES_OF.items()
    for role in roles
)
"""Kinds of ours whose drivers want packages of their own: imported only when a rig file names them."""


class Registry:
    """The available kinds of devices: built in, of ours, added with `add`, or installed by another package."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Callable[..., Any]]]
        self._kinds = {role: dict(kinds) for role, kinds in BUILT_IN.items()} | {PROCESSOR: {}}

    def add(self, role: str, kind: str, factory: Callable[..., Any]) -> None:
        """Add a kind of `role`: robot, teleoperator, camera or processor. It replaces one of the same name."""
        self._kinds[role][kind] = factory

    def robot(self, kind: str, context: DeviceContext, options: Options) -> Robot:
        """Return a robot that is not yet connected. Raises UnknownDevice or ConfigError."""
        device: Robot = self._create("robot", kind, Robot, context, options)
        context.shared[ROBOT_FEATURES] = device.features
        return device

    def teleoperator(self, kind: str, context: DeviceContext, options: Options) -> Teleoperator:
        """Return a teleoperator that is not yet connected. Raises UnknownDevice or ConfigError."""
        device: Teleoperator = self._create("teleoperator", kind, Teleoperator, context, options)
        return device

    def camera(self, kind: str, context: DeviceContext, options: Options) -> Camera:
        """Return a camera that is not yet connected. Raises UnknownDevice or ConfigError."""
        device: Camera = self._create("camera", kind, Camera, context, options)
        return device

    def processor(self, kind: str, context: DeviceContext, options: Options, place: str) -> Processor:
        """Return a processor for a place, one of `processors.PLACES`. Raises UnknownDevice or ConfigError."""
        made: Processor = self._create(PROCESSOR, kind, Processor, context, options, place)
        return made

    def _create(
        self, role: str, kind: str, protocol: type, context: DeviceContext, options: Options, *place: str
    ) -> Any:
        factory = self._factory(role, kind)
        try:
            device = factory(context, options, *place)
            conforms = isinstance(device, protocol)
        except CaptureError:
            raise
        except Exception as error:  # a driver may raise anything
            log.exception("%s of kind %r", role, kind)
            raise ConfigError(options.where, f"kind {kind!r} cannot be created: {describe_error(error)}") from error
        options.refuse_unknown_keys()
        if not conforms:
            raise ConfigError(options.where, f"kind {kind!r} creates a {type(device).__name__}, which is not a {role}")
        return device

    def _factory(self, role: str, kind: str) -> Callable[..., Any]:
        if kind in self._kinds[role]:
            return self._kinds[role][kind]
        entries = [*OURS, *metadata.entry_points(group=GROUP)]
        for entry in entries:
            if entry.name == f"{role}.{kind}":
                try:
                    factory: Callable[..., Any] = entry.load()
                except CaptureError:
                    raise
                except Exception as error:  # importing a driver's module may raise anything
                    log.exception("%s of kind %r", role, kind)
                    where = f"{role} {kind!r}"
                    raise ConfigError(where, f"cannot be loaded from {entry.value}: {describe_error(error)}") from error
                return factory
        installed = [entry.name.partition(".")[2] for entry in entries if entry.name.startswith(f"{role}.")]
        raise UnknownDevice(role, kind, [*self._kinds[role], *installed])
