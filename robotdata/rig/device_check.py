"""Try every device of a rig once: connect, read, release. A robot is never moved.

Each device's calls run in a thread of its own, because a driver may hang. One line of JSON is written per device.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.config import CameraConfig, DeviceConfig, RigConfig
from robotdata.capture.devices import DeviceContext, Picture, TickCamera
from robotdata.capture.errors import CaptureError, ConfigError, DeviceError
from robotdata.capture.merged import MergedActions
from robotdata.capture.own_cameras import own_cameras
from robotdata.capture.processed import teleoperator_context, with_processors
from robotdata.capture.registry import Registry
from robotdata.capture.session import describe_error
from robotdata.capture.values import RowValues
from robotdata.own_output import own_output, write_result
from robotdata.rig.rig import camera_context
from robotdata.video.jpeg import ImageError, jpeg_size

log = logging.getLogger(__name__)
BROWSER = "browser"
_NOT_HERE = "a browser sends its pictures; not tried, because the rig does not run"
CONNECT_S, ANSWER_S, RELEASE_S = 15.0, 5.0, 5.0
_MEASURED_FRAMES, _MEASURED_S = 16, 1.5
_SLOW = 0.8
Step = Callable[[], Any]


class Interrupted(BaseException):
    """The check was told to end; devices are released first."""


class Worker:
    """Runs the calls of one device, one after the other, in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._steps: queue.Queue[tuple[Step, Call]] = queue.Queue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def call(self, step: Step) -> Call:
        """Begin a call; it waits for earlier ones of this device."""
        call = Call()
        self._steps.put((step, call))
        return call

    def _run(self) -> None:
        while True:
            step, call = self._steps.get()
            try:
                call.value = step()
            except BaseException as error:  # noqa: BLE001  a driver may raise anything
                call.error = error
            call.ended.set()


@dataclass(eq=False)
class Call:
    """A call of a device: its value or error once it has ended."""

    ended: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: BaseException | None = None

    def result(self, what: str, seconds: float) -> Any:
        """Return the value. Raises DeviceError, for a person, if the call raises or does not end in time."""
        if not self.ended.wait(seconds):
            raise DeviceError(f"{what} has not answered in time: check its power and cables")
        if isinstance(self.error, CaptureError):
            raise DeviceError(str(self.error)) from self.error
        if self.error is not None:
            raise DeviceError(f"{what} has raised {describe_error(self.error)}") from self.error
        return self.value


@dataclass(eq=False)
class Tried:
    """A device of the rig and what is known of it; `text` is what it gave, or why it cannot be used."""

    name: str
    make: Step
    worker: Worker = field(init=False)
    driver: Any = None
    begun: bool = False
    ok: bool = True
    text: str = ""

    def __post_init__(self) -> None:
        self.worker = Worker(self.name)

    def attempt(self, step: Step) -> Any:
        """Return what `step` returns; if it raises CaptureError, keep that as the reason and return None."""
        if not self.ok:
            return None
        try:
            return step()
        except CaptureError as error:
            self.ok, self.text = False, str(error)
            return None

    def wait_for(self, call: Call, what: str, end: float) -> Any:
        """Return what a call returns until `end` (monotonic seconds); else keep the reason, and return None."""
        return self.attempt(lambda: call.result(what, max(0.0, end - clock.monotonic())))

    def create(self) -> None:
        """Make the driver, which connects nothing."""
        self.driver = self.attempt(lambda: self.worker.call(self.make).result("its driver", CONNECT_S))

    def connecting(self) -> Call | None:
        """Begin to connect; None if there is nothing to connect."""
        if not self.ok:
            return None
        self.begun = True
        return self.worker.call(self.driver.connect)

    def releasing(self) -> Call | None:
        """Begin to release the device, also after a `connect` that failed or hangs."""
        return self.worker.call(self.driver.disconnect) if self.begun else None


def check_rig(config: RigConfig, registry: Registry) -> int:
    """Try every device of a rig and write {"device", "ok", "text"} for each; return 0 if all can be used, else 1.

    SIGTERM ends the check after the devices are released.
    """
    output = own_output()

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Interrupted

    signal.signal(signal.SIGTERM, interrupt)
    teleoperators, robot, cameras = _devices(config, registry)
    everything = [robot, *teleoperators, *(camera for camera, _ in cameras)]
    try:
        for device in everything:
            device.create()
        _add_processors(config, registry, robot, teleoperators)
        _connect([*teleoperators, *(camera for camera, _ in cameras)])
        _connect([robot])  # last, so that it holds torque for the shortest time
        _read(robot, teleoperators)
        own = _own_cameras(config, robot)
        everything += [camera for camera, _ in own]
        _read_cameras([*cameras, *own])
    except Interrupted:
        for device in everything:
            device.attempt(_give_up)
    finally:
        _release(everything)
        for device in everything:
            write_result(output, {"device": device.name, "ok": device.ok, "text": device.text})
        for camera in config.cameras:
            if camera.kind == BROWSER:
                write_result(output, {"device": f"camera {camera.name}", "ok": True, "text": _NOT_HERE})
    # A call that hangs must not keep the process.
    logging.shutdown()
    os._exit(0 if all(device.ok for device in everything) else 1)


def _give_up() -> None:
    raise DeviceError("was not tried to the end, because the check took too long")


def _devices(config: RigConfig, registry: Registry) -> tuple[list[Tried], Tried, list[tuple[Tried, CameraConfig]]]:
    context = DeviceContext(config.name, config.fps)
    robot = config.robot
    return (
        [
            Tried(
                f"teleoperator {name}".strip(),
                _teleoperator_maker(registry, teleoperator_context(context, config, name), each),
            )
            for name, each in config.teleoperators.items()
        ],
        Tried("robot", lambda: registry.robot(robot.kind, context, robot.options)),
        [
            (Tried(f"camera {camera.name}", _maker(registry, context, camera, index)), camera)
            for index, camera in enumerate(config.cameras)
            if camera.kind != BROWSER
        ],
    )


def _add_processors(config: RigConfig, registry: Registry, robot: Tried, teleoperators: Sequence[Tried]) -> None:
    """Put the rig file's processors around devices that could all be made; what is wrong with them is the robot's."""
    if not all(each.ok for each in (robot, *teleoperators)):
        return
    drivers = {name: tried.driver for name, tried in zip(config.teleoperators, teleoperators, strict=True)}
    context = DeviceContext(config.name, config.fps)
    made = robot.attempt(lambda: with_processors(config, registry, context, robot.driver, drivers))
    if made is not None:
        robot.driver, found = made
        for tried, driver in zip(teleoperators, found.values(), strict=True):
            tried.driver = driver


def _own_cameras(config: RigConfig, robot: Tried) -> list[tuple[Tried, CameraConfig]]:
    """Return the cameras whose pictures came with the observation of a robot that can be used."""
    found = []
    for camera, driver in robot.attempt(lambda: own_cameras(config, robot.driver)) or ():
        tried = Tried(f"camera {camera.name}", lambda: None)
        tried.driver = driver
        found.append((tried, camera))
    return found


def _teleoperator_maker(registry: Registry, context: DeviceContext, config: DeviceConfig) -> Step:
    return lambda: registry.teleoperator(config.kind, context, config.options)


def _maker(registry: Registry, context: DeviceContext, camera: CameraConfig, index: int) -> Step:
    return lambda: registry.camera(camera.kind, camera_context(context, camera, index), camera.options)


def _connect(devices: Sequence[Tried]) -> None:
    """Connect devices at the same time, as a rig's cameras do."""
    end = clock.monotonic() + CONNECT_S
    for device, call in [(device, device.connecting()) for device in devices]:
        if call is not None:
            device.wait_for(call, "connect", end)


def _read(robot: Tried, teleoperators: Sequence[Tried]) -> None:
    """Read joint positions of all, and compare the names of a robot and its only teleoperator."""
    values: RowValues | None = None
    observation: Any = {}
    if robot.ok:
        observation = robot.attempt(lambda: robot.worker.call(robot.driver.observe).result("observe", ANSWER_S))
        values = robot.attempt(lambda: RowValues(robot.driver.features))
        robot.attempt(lambda: values and values.observation(observation))
        robot.text = robot.text or f"{robot.driver.robot_type}, {_joints(robot.driver.features)}"
    for teleoperator in teleoperators:
        _read_teleoperator(teleoperator, robot, observation, compare=len(teleoperators) == 1)
    if len(teleoperators) > 1 and all(each.ok for each in (robot, *teleoperators)):
        _compare_together(robot, teleoperators)


def _compare_together(robot: Tried, teleoperators: Sequence[Tried]) -> None:
    """Compare the names of a robot and all its teleoperators, as the loop does before it begins."""
    by_name = {each.name.partition(" ")[2]: each for each in teleoperators}
    try:
        MergedActions(
            {name: getattr(each.driver, "features", None) for name, each in by_name.items()}, robot.driver.features
        )
    except ConfigError as error:
        wrong = by_name.get(error.where.rpartition(".")[2], teleoperators[-1])
        wrong.ok, wrong.text = False, str(error)


def _read_teleoperator(teleoperator: Tried, robot: Tried, observation: Any, *, compare: bool) -> None:
    if not teleoperator.ok:
        return
    call = teleoperator.worker.call(lambda: teleoperator.driver.action(observation or {}))
    action = teleoperator.attempt(lambda: call.result("action", ANSWER_S))
    if not teleoperator.ok and not robot.ok and call.error is not None:
        teleoperator.ok, teleoperator.text = True, "connected; not read, because it needs the robot's observation"
    if action is None:
        return
    features = getattr(teleoperator.driver, "features", None)
    if robot.ok and compare:
        teleoperator.attempt(lambda: RowValues(robot.driver.features, features).requested_action(action))
    teleoperator.text = teleoperator.text or _count(np.asarray(action).size)


def _joints(features: Any) -> str:
    return _count(int(np.prod(features["action"]["shape"])))


def _count(number: int) -> str:
    return f"{number} joint{'s' * (number != 1)}"


def _read_cameras(cameras: Sequence[tuple[Tried, CameraConfig]]) -> None:
    """Read pictures of all cameras at the same time, because cameras on one USB bus share it."""
    calls = [(tried, config, tried.worker.call(_reader(tried.driver, config))) for tried, config in cameras if tried.ok]
    end = clock.monotonic() + ANSWER_S
    for tried, _, call in calls:
        text = tried.wait_for(call, "read", end)
        tried.text = tried.text or text or ""


def _reader(driver: Any, config: CameraConfig) -> Step:
    if isinstance(driver, TickCamera):
        return lambda: f"{_picture(driver.grab(0), config)}, one picture per tick"
    return lambda: _measured(driver, config)


def _measured(driver: Any, config: CameraConfig) -> str:
    """Return size, rate and form of the pictures that a camera sends. Raises DeviceError."""
    text, count = _picture(driver.read(), config), 1
    began = clock.monotonic()
    while count < _MEASURED_FRAMES and clock.monotonic() - began < _MEASURED_S:
        driver.read()
        count += 1
    rate = (count - 1) / max(clock.monotonic() - began, 1e-6)
    if rate >= _SLOW * config.fps:
        return f"{text} at {config.fps:g} frames per second"
    return f"{text} at {rate:.1f} of {config.fps:g} frames per second: give it more light, or a USB bus of its own"


def _picture(picture: Picture, config: CameraConfig) -> str:
    """Return size and form of a picture. Raises DeviceError if it has another size than the rig file says."""
    form = "MJPEG" if config.depth is None else "depth as PNG"
    size = config.own_size
    image = picture.render() if picture.render is not None else picture.depth if config.depth else picture.rgb
    if image is not None:
        form, size = ("RGB" if config.depth is None else "depth"), (image.shape[1], image.shape[0])
    elif picture.packet is None:
        raise DeviceError("it has sent an empty picture")
    elif config.depth is None:
        try:
            size = jpeg_size(picture.packet)
        except ImageError as error:
            raise DeviceError(f"its first picture is damaged ({error}): check its cable") from error
    size = config.turn.size(*size)
    if size != (config.width, config.height):
        wanted = f"{config.width}x{config.height}"
        sent = f"{size[0]}x{size[1]} pixels" + (", turned by `rotate`" if config.turn.transposed else "")
        raise DeviceError(f"it sends {sent}, the rig file asks for {wanted}: correct the file")
    return f"{size[0]}x{size[1]} {form}"


def _release(devices: Sequence[Tried]) -> None:
    """Release every device at the same time, whatever happened to it."""
    end = clock.monotonic() + RELEASE_S
    for device, call in [(device, device.releasing()) for device in devices]:
        if call is None:
            continue
        try:
            call.result("disconnect", max(0.0, end - clock.monotonic()))
        except DeviceError as error:
            device.ok = False
            problem = f"it cannot be released ({error}) and may still hold torque: switch it off"
            device.text = f"{device.text}; {problem}" if device.text else problem
