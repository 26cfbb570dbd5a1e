"""The simulated rig: an arm, its cameras, and an autopilot that picks, places and pushes objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.devices import Action, DeviceContext, Features, Picture, Values
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.capture.sim_depth import DepthPainter
from robotdata.capture.sim_draw import Painter
from robotdata.capture.sim_world import HIGH, JOINTS, LOW, REST, Scene, World, inverse_kinematics
from robotdata.video import barcode

_NAMES = [f"{joint}.pos" for joint in JOINTS]
_SCALE = {
    "units": ["%" if joint == "gripper" else "°" for joint in JOINTS],
    "limits": [[low, high] for low, high in zip(LOW.tolist(), HIGH.tolist(), strict=True)],
}
_FEATURE = {"dtype": "float32", "shape": [len(JOINTS)], "names": _NAMES, **_SCALE}
_VIEWS = ("front", "top", "wrist")


class _Shared:
    """The state that the devices of one simulated rig share."""

    def __init__(self) -> None:
        self.world = World()
        self.episode = 0  # before the first take


def _shared(context: DeviceContext) -> _Shared:
    shared: _Shared = context.shared.setdefault("sim", _Shared())
    return shared


class SimRobot:
    """A simulated arm: six joints in degrees, the gripper in percent. `fail_after_s` (0: never) is for tests."""

    robot_type = "sim_arm"
    features: Features = {"action": _FEATURE, "observation.state": _FEATURE}

    def __init__(self, shared: _Shared, fps: float, fail_after_s: float) -> None:
        self._shared = shared
        self._period_s = 1 / fps
        self._noise = np.random.default_rng(1)
        self._fail_after_s = fail_after_s
        self._connected_at = 0.0

    def connect(self) -> None:
        self._connected_at = clock.monotonic()

    def begin_take(self) -> None:
        self._shared.episode += 1

    def observe(self) -> Values:
        if self._fail_after_s and clock.monotonic() - self._connected_at > self._fail_after_s:
            raise DeviceError("the simulated arm stopped responding (fail_after_s)")
        # Always one period, not the time that passed: what is recorded must not depend on the machine's load.
        scene = self._shared.world.step(self._period_s)
        noise = self._noise.normal(0, 0.02, len(JOINTS))
        return {"observation.state": (scene.joints + noise).astype(np.float32)}

    def act(self, action: Action) -> Action:
        return self._shared.world.command(action)

    def disconnect(self) -> None:
        pass


class Autopilot:
    """A teleoperator that picks and places objects or pushes them, along random paths that depend on `seed`."""

    def __init__(self, shared: _Shared, fps: float, seed: int) -> None:
        self._shared = shared
        self._rng = np.random.default_rng(seed)
        self._period_s = 1 / fps
        self._path = self._moves()
        self._position = np.array([0.22, 0.0, 0.16])  # of the finger tip, metres
        self._grip = 60.0
        self._roll = 0.0

    def connect(self) -> None:
        pass

    def action(self, observation: Values) -> Action:
        next(self._path)
        joints = REST.copy()
        joints[:4] = inverse_kinematics(*self._position.tolist())
        joints[4], joints[5] = self._roll, self._grip
        return joints

    def disconnect(self) -> None:
        pass

    def _moves(self) -> Iterator[None]:
        while True:
            things = self._shared.world.scene.things
            thing = things[int(self._rng.integers(len(things)))]
            if self._rng.random() < 0.7:
                yield from self._carry(thing.x, thing.y)
            else:
                yield from self._push(thing.x, thing.y)

    def _carry(self, x: float, y: float) -> Iterator[None]:
        to_x, to_y = self._free_place()
        self._roll = float(self._rng.uniform(-40, 40))
        yield from self._grip_to(85)
        yield from self._go(x, y, 0.11)
        yield from self._go(x, y, 0.022, speed=0.22)
        yield from self._grip_to(12)
        yield from self._go(x, y, 0.12)
        yield from self._go(to_x, to_y, 0.12)
        yield from self._go(to_x, to_y, 0.03, speed=0.22)
        yield from self._grip_to(85)
        yield from self._go(to_x, to_y, 0.13)

    def _push(self, x: float, y: float) -> Iterator[None]:
        to_x, to_y = self._free_place()
        direction = np.array([to_x - x, to_y - y])
        direction = direction / max(float(np.hypot(*direction)), 1e-3)
        begin = np.array([x, y]) - direction * 0.07
        yield from self._grip_to(8)
        yield from self._go(float(begin[0]), float(begin[1]), 0.11)
        yield from self._go(float(begin[0]), float(begin[1]), 0.028, speed=0.25)
        end = np.array([x, y]) + direction * self._rng.uniform(0.04, 0.10)
        yield from self._go(float(end[0]), float(end[1]), 0.028, speed=0.16)
        yield from self._go(float(end[0]), float(end[1]), 0.12)

    def _free_place(self) -> tuple[float, float]:
        angle = np.deg2rad(self._rng.uniform(-60, 60))
        reach = self._rng.uniform(0.19, 0.33)
        return float(reach * np.cos(angle)), float(reach * np.sin(angle))

    def _go(self, x: float, y: float, z: float, *, speed: float = 0.36) -> Iterator[None]:
        begin, end = self._position.copy(), np.array([x, y, z])
        speed *= float(self._rng.uniform(0.85, 1.15))
        steps = max(2, int(np.linalg.norm(end - begin) / speed / self._period_s))
        for step in range(1, steps + 1):
            done = step / steps
            self._position = begin + (end - begin) * (done * done * (3 - 2 * done))  # smoothstep
            yield

    def _grip_to(self, percent: float) -> Iterator[None]:
        begin = self._grip
        steps = max(2, int(0.35 / self._period_s))
        for step in range(1, steps + 1):
            self._grip = begin + (percent - begin) * step / steps
            yield


class SimCamera:
    """A camera that draws the world at its own rate.

    For tests, `freeze_after_s`, `hang_after_s`, `lose_after_s` and `black_after_s` (0: never) start a fault.
    """

    def __init__(self, context: DeviceContext, shared: _Shared, options: Options) -> None:
        default = context.name if context.name in _VIEWS else "front"
        self._shared = shared
        painter = DepthPainter if context.depth else Painter
        self._painter = painter(options.text("view", default, among=_VIEWS), context.width, context.height)
        self._barcode = options.flag("barcode")
        if self._barcode and (context.width < barcode.WIDTH or context.height < barcode.HEIGHT):
            raise ConfigError(f"{options.where}.barcode", f"needs images of {barcode.WIDTH}x{barcode.HEIGHT} or more")
        self._faults = {
            name: options.number(f"{name}_after_s", 0, low=0, high=86_400)
            for name in ("freeze", "hang", "lose", "black")
        }
        self._index = context.camera_index
        self._period_ns = round(1e9 / context.camera_fps)
        self._due = 0
        self._connected_ns = 0
        self._frozen: NDArray[Any] | None = None

    def connect(self) -> None:
        now = clock.monotonic_ns()
        self._connected_ns = self._connected_ns or now
        self._due = now + self._period_ns
        if self._fault("lose", now):
            raise DeviceError(f"the simulated camera {self._index} is unplugged (lose_after_s)")

    def read(self) -> Picture:
        clock.sleep_until(self._due, spin_ns=0)
        now = clock.monotonic_ns()
        self._due = max(self._due + self._period_ns, now)
        if self._fault("lose", now):
            raise DeviceError(f"the simulated camera {self._index} is unplugged (lose_after_s)")
        while self._fault("hang", clock.monotonic_ns()) and clock.monotonic_ns() - now < 30_000_000_000:
            clock.pause(0.1)
        scene = self._shared.world.scene
        return self._picture(scene, scene.step, now)

    def disconnect(self) -> None:
        pass

    def _picture(self, scene: Scene, tick: int, now: int) -> Picture:
        return Picture(now, render=partial(self._draw, scene, tick, self._shared.episode, now))

    def _draw(self, scene: Scene, tick: int, episode: int, now: int) -> NDArray[Any]:
        if self._frozen is not None and self._fault("freeze", now):
            return self._frozen
        image = self._painter.draw(scene)
        if self._fault("black", now):
            image[:] = 0
        if self._barcode:
            barcode.draw(image, barcode.Barcode(tick, episode, self._index))
        self._frozen = image
        return image

    def _fault(self, name: str, now: int) -> bool:
        after_s = self._faults[name]
        return after_s > 0 and now - self._connected_ns > after_s * 1e9


class TickedSimCamera(SimCamera):
    """The camera for `sync = "tick"`: exactly one frame per tick, with the tick of its row in the barcode."""

    def grab(self, tick: int) -> Picture:
        """Return the frame of `tick`."""
        return self._picture(self._shared.world.scene, tick, clock.monotonic_ns())


def make_robot(context: DeviceContext, options: Options) -> SimRobot:
    """Return the simulated arm. With `fail_after_s` it stops responding so long after it was connected (for tests)."""
    return SimRobot(_shared(context), context.fps, options.number("fail_after_s", 0, low=0, high=86_400))


def make_autopilot(context: DeviceContext, options: Options) -> Autopilot:
    """Return the autopilot; `seed` selects its random movements."""
    seed = int(options.number("seed", 0, low=0, high=2**31))
    return Autopilot(_shared(context), context.fps, seed)


def make_camera(context: DeviceContext, options: Options) -> SimCamera:
    """Return a simulated camera. Raises ConfigError.

    `view` is front, top or wrist. `barcode` draws tick, episode and camera into each image. `sync` is free, for a
    camera at its own rate, or tick, for one frame per tick of the control loop.
    """
    ticked = options.text("sync", "free", among=("free", "tick")) == "tick"
    return (TickedSimCamera if ticked else SimCamera)(context, _shared(context), options)
