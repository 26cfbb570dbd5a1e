"""One of LeRobot's robots or teleoperators: connect, call and release it, with every error as one sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import logging
import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.session import describe_error
from robotdata.devices.lerobot.alarms import Alarms
from robotdata.devices.lerobot.configs import TORQUE, Settings, parts_of
from robotdata.devices.lerobot.ports import locks_of, nodes_of
from robotdata.devices.lerobot.problems import NEEDS_DISPLAY, explain

log = logging.getLogger(__name__)
_CALIBRATE = {"robot": "robot", "teleoperator": "teleop"}
_SIDES = ("left_", "right_")
_IDENTITY = ("id", "port", "calibration_dir")
_JOINT_LIKE = "; robotdata records joint positions, each a number with a name"


class Driver:
    """A device of LeRobot's; `device` is LeRobot's object, made again for every connection.

    A driver that failed half-way is never used again, and a calibration that was made meanwhile is read. Raises
    ConfigError if LeRobot cannot make the device.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._nodes = nodes_of(settings.config)
        self._locks = locks_of(settings.config, "port")
        self.alarms = Alarms()
        try:
            self.device = settings.library.make(settings.config)
        except Exception as error:  # a driver may raise anything
            raise ConfigError(settings.where, f"{settings.type} cannot be used: {self._explain(error)}") from error

    def names_of(self, features: str) -> list[str]:
        """Return the names of the numbers in LeRobot's `features` of the device, in their order.

        Raises ConfigError if they are not numbers with names.
        """
        declared = self.declared(features)
        numbers = {name: kind for name, kind in declared.items() if kind is float}
        pictures = self.pictures if features == "observation_features" else {}
        others = [name for name in declared if name not in numbers and name not in pictures]
        if features == "action_features" and (others or not numbers):
            raise self.settings.error(
                "type", f"is {self.settings.type!r}, whose actions are {declared!r:.120}{_JOINT_LIKE}"
            )
        if others:
            log.warning("%s: not recorded: %s", self.settings.where, ", ".join(others))
        return [str(name) for name in numbers]

    def declared(self, features: str) -> dict[str, Any]:
        """Return LeRobot's `features` of the device as they are. Raises ConfigError if it does not say them."""
        try:
            return dict(getattr(self.device, features))
        except Exception as error:  # a driver may raise anything
            problem = f"is {self.settings.type!r}, which does not say what its {features} are ({describe_error(error)})"
            raise self.settings.error("type", problem) from error

    @property
    def pictures(self) -> dict[str, tuple[int, int, int]]:
        """Return the pictures in the observation, by name: height, width and channels (3: colour, 1: depth in mm)."""
        declared = dict(self.device.observation_features).items()
        return {str(name): kind for name, kind in declared if isinstance(kind, tuple) and kind[2:] in ((3,), (1,))}

    def connect(self, *, calibrated: bool = True) -> None:
        """Connect, without ever asking for a calibration. Raises DeviceError, saying what to do.

        `calibrated=False` accepts a device that still needs its calibration.
        """
        for lock in self._locks:
            lock.acquire()
        with self._errors():
            self.device = self.settings.library.make(self.settings.config)
            self.alarms = Alarms(buses_of(self.device))
            if calibrated:
                self._check_can_be_calibrated()
            # `calibrate` asks on the terminal, where nobody answers a rig. Some devices do not have the argument.
            asks = "calibrate" in inspect.signature(self.device.connect).parameters
            self.device.connect(**({"calibrate": False} if asks else {}))
            if not self.device.is_connected:  # LeRobot's keyboards only log why
                shown = os.environ.get("DISPLAY") or not hasattr(self.device, "listener")
                raise DeviceError("LeRobot's driver has not connected; see the rig's log" if shown else NEEDS_DISPLAY)
            agrees = self.device.is_calibrated if calibrated else None
            if agrees is not None and not agrees:
                raise DeviceError(self._not_calibrated())

    def call(self, method: str, *args: Any) -> dict[str, Any]:
        """Return what a method of the device returns, values by name. Raises DeviceError."""
        with self._errors():
            values = getattr(self.device, method)(*args)
        if values is not None and not isinstance(values, Mapping):
            raise DeviceError(f"LeRobot's {method} returns a {type(values).__name__}, want values by name")
        return dict(values or {})

    def calibrate(self, arm: Any) -> None:
        """Run LeRobot's calibration of the device, or of one of its arms. Raises DeviceError."""
        with self._errors():
            arm.calibrate()

    def numbers(self, method: str, values: Mapping[str, Any], names: list[str]) -> list[float]:
        """Return the values of `names`. Raises DeviceError if one is missing or is not a number."""
        try:
            return [float(values[name]) for name in names]
        except KeyError as error:
            raise DeviceError(f"LeRobot's {method} returns no {error.args[0]!r}") from error
        except (TypeError, ValueError) as error:
            wrong = {name: value for name, value in values.items() if name in names}
            raise DeviceError(f"LeRobot's {method} returns {wrong!r:.200}, want numbers ({error})") from error

    def disconnect(self) -> None:
        """Release the device and its ports, however far it got. Raises DeviceError if it may still hold torque."""
        try:
            with self._errors():
                if self.device.is_connected:
                    self.device.disconnect()
        finally:
            # Its own `disconnect` leaves the port open when the motors do not answer, or refuses a half-open device.
            for bus in buses_of(self.device):
                self._close(bus)
            for lock in self._locks:
                lock.release()

    @property
    def holds(self) -> bool:
        """Return whether the motors keep their torque when the device is released."""
        return any(getattr(part, TORQUE, True) is False for part in parts_of(self.settings.config))

    @property
    def on_end(self) -> str:
        """Return "hold" or "release"; empty where LeRobot does not say what happens to the torque."""
        says = any(hasattr(part, TORQUE) for part in parts_of(self.settings.config))
        return "hold" if self.holds else "release" if says else ""

    def _close(self, bus: Any) -> None:
        for let_go in (not self.holds, False):
            with contextlib.suppress(Exception):
                if bus.is_connected:
                    bus.disconnect(let_go)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn whatever the driver raises into a DeviceError."""
        try:
            yield
        except DeviceError:
            raise
        except Exception as error:
            log.debug("%s", self.settings.where, exc_info=True)
            raise DeviceError(self._explain(error)) from error

    def _explain(self, error: BaseException) -> str:
        motors = {}
        with contextlib.suppress(Exception):  # the device could not be made, or has motors of another form
            motors = {motor.id: name for bus in buses_of(self.device) for name, motor in bus.motors.items()}
        return explain(error, self._nodes, motors)

    def _check_can_be_calibrated(self) -> None:
        """Raise DeviceError before motors get torque, if they need a calibration and have none."""
        for bus in buses_of(self.device):
            serial = hasattr(bus, "port_handler") and bool(bus.motors)
            if serial and not getattr(bus, "calibration", True):
                raise DeviceError(self._not_calibrated())

    def _not_calibrated(self) -> str:
        """Return what is missing, with LeRobot's command that calibrates this device."""
        config, role = self.settings.config, _CALIBRATE[self.settings.role]
        words = [f"--{role}.type={self.settings.type}", *_arguments(config, f"--{role}")]
        command = shlex.join(["lerobot-calibrate", *words])
        if config.id is None:
            return (
                f"it has no id, and so no calibration: choose a name, run `{command} --{role}.id=NAME`, and write id = "
                f'"NAME" in the rig file'
            )
        files = [arm.calibration_fpath for arm in arms_of(self.device)]
        absent = [str(path) for path in files if not path.is_file()]
        if absent or not files:
            gone = f" ({' and '.join(absent)} {'does' if len(absent) == 1 else 'do'} not exist)" if absent else ""
            return f"it is not calibrated{gone}: run `{command}`"
        return (
            f"the calibration in its motors is not that of {' and '.join(map(str, files))}: run `{command}`; there, "
            "Enter writes the file's to the motors, and c calibrates again"
        )


def _arguments(config: Any, prefix: str) -> Iterator[str]:
    """Yield the arguments of LeRobot's commands that say which device a config describes."""
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        if dataclasses.is_dataclass(value):
            yield from _arguments(value, f"{prefix}.{each.name}")
        elif each.name in _IDENTITY and value is not None:
            yield f"{prefix}.{each.name}={value}"


def arms_of(device: Any) -> Iterator[Any]:
    """Yield the parts of a device that have a motor bus of their own: the device, or its two arms."""
    for _, arm in sided_arms_of(device):
        yield arm


def sided_arms_of(device: Any, side: str = "", depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield `arms_of`, each with what LeRobot puts before its joints: "left_", "right_", or "" for a single arm."""
    if any(buses_in(device)):
        yield side, device
    for name, value in list(vars(device).items()):
        if depth > 1 and hasattr(value, "calibration_fpath"):
            yield from sided_arms_of(value, next((each for each in _SIDES if name.startswith(each)), side), depth - 1)


def buses_of(device: Any) -> Iterator[Any]:
    """Yield the motor buses of a device and of its parts."""
    for arm in arms_of(device):
        yield from buses_in(arm)


def buses_in(arm: Any) -> Iterator[Any]:
    """Yield the motor buses of one arm."""
    for value in vars(arm).values():
        if hasattr(value, "motors") and hasattr(value, "disconnect"):
            yield value
