"""The simulated rig: an arm, its cameras and an autopilot that picks, places and pushes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.devices import Action, DeviceContext, Features, Picture, Values
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.capture.sim_depth import DepthPainter
from robotdata.capture.sim_draw import Painter
from robotdata.capture.sim_world import JOINTS, REST, World, reach_for
from robotdata.video import barcode

_NAMES = [f"{joint}.pos" for joint in JOINTS]
_FEATURE = {"dtype": "float32", "shape": [len(JOINTS)], "names": _NAMES}
_VIEWS = ("front", "top", "wrist")


class _Shared:
    """What the devices of one simulated rig have in common."""

    def __init__(self) -> None:
        self.world = World()
        self.episode = 0  # what runs before the first take


def _shared(context: DeviceContext) -> _Shared:
    shared: _Shared = context.shared.setdefault("sim", _Shared())
    return shared


class SimRobot:
    """Six joints in degrees, the gripper in percent. `fail_after_s` breaks it off, for tests."""

    robot_type = "sim_arm"
    features: Features = {"action": _FEATURE, "observation.state": _FEATURE}

    def __init__(self, shared: _Shared, fps: float, fail_after_s: float) -> None:
        self._shared = shared
        self._period_s = 1 / fps
        self._noise = np.random.default_rng(1)
        self._fail_after_s = fail_after_s
        self._began = 0.0

    def connect(self) -> None:
        self._began = clock.monotonic()

    def begin_take(self) -> None:
        self._shared.episode += 1

    def observe(self) -> Values:
        if self._fail_after_s and clock.monotonic() - self._began > self._fail_after_s:
            raise DeviceError("the simulated arm stopped responding (fail_after_s)")
        # One period, whatever the clock says: what is recorded does not depend on the machine's load.
        scene = self._shared.world.step(self._period_s)
        noise = self._noise.normal(0, 0.02, len(JOINTS))
        return {"observation.state": (scene.joints + noise).astype(np.float32)}

    def act(self, action: Action) -> Action:
        return self._shared.world.command(action)

    def disconnect(self) -> None:
        pass


class Autopilot:
    """Picks objects up and puts them elsewhere, or pushes them, never twice the same way."""

    def __init__(self, shared: _Shared, fps: float, seed: int) -> None:
        self._shared = shared
        self._chance = np.random.default_rng(seed)
        self._period_s = 1 / fps
        self._path = self._moves()
        self._at = np.array([0.22, 0.0, 0.16])
        self._grip = 60.0
        self._roll = 0.0

    def connect(self) -> None:
        pass

    def action(self, observation: Values) -> Action:
        next(self._path)
        joints = REST.copy()
        joints[:4] = reach_for(*self._at)
        joints[4], joints[5] = self._roll, self._grip
        return joints

    def disconnect(self) -> None:
        pass

    def _moves(self) -> Iterator[None]:
        while True:
            things = self._shared.world.scene.things
            thing = things[int(self._chance.integers(len(things)))]
            if self._chance.random() < 0.7:
                yield from self._carry(thing.x, thing.y)
            else:
                yield from self._push(thing.x, thing.y)

    def _carry(self, x: float, y: float) -> Iterator[None]:
        to_x, to_y = self._free_place()
        self._roll = float(self._chance.uniform(-40, 40))
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
        way = np.array([to_x - x, to_y - y])
        way = way / max(float(np.hypot(*way)), 1e-3)
        begin = np.array([x, y]) - way * 0.07
        yield from self._grip_to(8)
        yield from self._go(float(begin[0]), float(begin[1]), 0.11)
        yield from self._go(float(begin[0]), float(begin[1]), 0.028, speed=0.25)
        end = np.array([x, y]) + way * self._chance.uniform(0.04, 0.10)
        yield from self._go(float(end[0]), float(end[1]), 0.028, speed=0.16)
        yield from self._go(float(end[0]), float(end[1]), 0.12)

    def _free_place(self) -> tuple[float, float]:
        angle = np.deg2rad(self._chance.uniform(-60, 60))
        reach = self._chance.uniform(0.19, 0.33)
        return float(reach * np.cos(angle)), float(reach * np.sin(angle))

    def _go(self, x: float, y: float, z: float, *, speed: float = 0.36) -> Iterator[None]:
        begin, end = self._at.copy(), np.array([x, y, z])
        speed *= float(self._chance.uniform(0.85, 1.15))
        steps = max(2, int(np.linalg.norm(end - begin) / speed / self._period_s))
        for step in range(1, steps + 1):
            share = step / steps
            self._at = begin + (end - begin) * (share * share * (3 - 2 * share))
            yield

    def _grip_to(self, percent: float) -> Iterator[None]:
        begin = self._grip
        steps = max(2, int(0.35 / self._period_s))
        for step in range(1, steps + 1):
            self._grip = begin + (percent - begin) * step / steps
            yield


class SimCamera:
    """Draws the world at its own pace. For tests: `freeze_`, `hang_`, `lose_` and `black_after_s`."""

    def __init__(self, context: DeviceContext, shared: _Shared, options: Options) -> None:
        default = context.name if context.name in _VIEWS else "front"
        self._shared = shared
        self._depth = context.depth
        make = DepthPainter if context.depth else Painter
        self._painter = make(options.text("view", default, among=_VIEWS), context.width, context.height)
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
        self._began = 0
        self._frozen: NDArray[Any] | None = None

    def connect(self) -> None:
        now = clock.monotonic_ns()
        self._began = self._began or now
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
        return self._picture(self._shared.world.scene.step, now)

    def disconnect(self) -> None:
        pass

    def _picture(self, tick: int, now: int) -> Picture:
        seen = self._draw(tick, now)
        return Picture(now, depth=seen) if self._depth else Picture(now, rgb=seen)

    def _draw(self, tick: int, now: int) -> NDArray[Any]:
        if self._frozen is not None and self._fault("freeze", now):
            return self._frozen
        seen = self._painter.draw(self._shared.world.scene)
        if self._fault("black", now):
            seen[:] = 0
        if self._barcode:
            barcode.draw(seen, barcode.Barcode(tick, self._shared.episode, self._index))
        self._frozen = seen
        return seen

    def _fault(self, name: str, now: int) -> bool:
        after_s = self._faults[name]
        return after_s > 0 and now - self._began > after_s * 1e9


class TickedSimCamera(SimCamera):
    """`sync = "tick"`: exactly one frame a tick, so that the tick of a row is the tick in its pictures."""

    def grab(self, tick: int) -> Picture:
        """The frame of `tick`."""
        now = clock.monotonic_ns()
        return self._picture(tick, now)


def make_robot(context: DeviceContext, options: Options) -> SimRobot:
    """`fail_after_s`: stop answering then (for tests)."""
    return SimRobot(_shared(context), context.fps, options.number("fail_after_s", 0, low=0, high=86_400))


def make_autopilot(context: DeviceContext, options: Options) -> Autopilot:
    """`seed`: another one moves otherwise."""
    seed = int(options.number("seed", 0, low=0, high=2**31))
    return Autopilot(_shared(context), context.fps, seed)


def make_camera(context: DeviceContext, options: Options) -> SimCamera:
    """`view` front, top or wrist; `barcode` draws tick, episode and camera; `sync` free or tick."""
    ticked = options.text("sync", "free", among=("free", "tick")) == "tick"
    return (TickedSimCamera if ticked else SimCamera)(context, _shared(context), options)
