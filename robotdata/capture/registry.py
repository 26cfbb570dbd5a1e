"""Every kind of device. A new kind: one file, one line here, one test file; or an entry point of any package.

Entry points of the group `robotdata.devices` are named `robot.<kind>`, `camera.<kind>` or `teleoperator.<kind>`
and lead to a factory `make(context: DeviceContext, options: Options)`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import metadata
from typing import Any

from robotdata.capture import pyav_camera, sim
from robotdata.capture.devices import Camera, DeviceContext, Robot, Teleoperator
from robotdata.capture.errors import CaptureError, ConfigError, UnknownDevice
from robotdata.capture.options import Options
from robotdata.capture.session import words_of

log = logging.getLogger(__name__)
GROUP = "robotdata.devices"
ROLES = ("robot", "teleoperator", "camera")
Factory = Callable[[DeviceContext, Options], Any]

BUILT_IN: dict[str, dict[str, Factory]] = {
    "robot": {"sim": sim.make_robot},
    "teleoperator": {"autopilot": sim.make_autopilot},
    "camera": {"sim": sim.make_camera, "pyav": pyav_camera.make_camera},
}


class Registry:
    """The kinds of devices that are there: built in, added by a later room, or installed by another package."""

    def __init__(self) -> None:
        self._kinds = {role: dict(kinds) for role, kinds in BUILT_IN.items()}

    def add(self, role: str, kind: str, factory: Factory) -> None:
        """Make `kind` known."""
        self._kinds[role][kind] = factory

    def robot(self, kind: str, context: DeviceContext, options: Options) -> Robot:
        """A robot that is not yet connected; raises UnknownDevice or ConfigError."""
        device: Robot = self._checked("robot", kind, Robot, context, options)
        return device

    def teleoperator(self, kind: str, context: DeviceContext, options: Options) -> Teleoperator:
        """A teleoperator that is not yet connected; raises UnknownDevice or ConfigError."""
        device: Teleoperator = self._checked("teleoperator", kind, Teleoperator, context, options)
        return device

    def camera(self, kind: str, context: DeviceContext, options: Options) -> Camera:
        """A camera that is not yet connected; raises UnknownDevice or ConfigError."""
        device: Camera = self._checked("camera", kind, Camera, context, options)
        return device

    def _checked(self, role: str, kind: str, wanted: type, context: DeviceContext, options: Options) -> Any:
        factory = self._factory(role, kind)
        try:
            device = factory(context, options)
            fits = isinstance(device, wanted)
        except CaptureError:
            raise
        except Exception as error:  # a device's own code may raise anything
            log.exception("%s of kind %r", role, kind)
            raise ConfigError(options.where, f"kind {kind!r} cannot be created: {words_of(error)}") from error
        options.done()
        if not fits:
            raise ConfigError(options.where, f"kind {kind!r} creates a {type(device).__name__}, which is not a {role}")
        return device

    def _factory(self, role: str, kind: str) -> Factory:
        if kind in self._kinds[role]:
            return self._kinds[role][kind]
        found = metadata.entry_points(group=GROUP)
        for entry in found:
            if entry.name == f"{role}.{kind}":
                try:
                    factory: Factory = entry.load()
                except Exception as error:  # whatever stands in the module of a device
                    log.exception("%s of kind %r", role, kind)
                    where = f"{role} {kind!r}"
                    raise ConfigError(where, f"cannot be loaded from {entry.value}: {words_of(error)}") from error
                return factory
        installed = [e.name.partition(".")[2] for e in found if e.name.startswith(f"{role}.")]
        raise UnknownDevice(role, kind, [*self._kinds[role], *installed])
