"""The three small protocols that a device fulfils. See `docs/devices.md` for a robot in 30 lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Values = Mapping[str, "NDArray[np.generic] | float | str"]
Action = NDArray[np.float32]
Features = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as a camera gives it: `rgb`, uint8 (H, W, 3), or a ready JPEG; its time in monotonic ns.

    A depth camera gives `depth`, uint16 (H, W) or (H, W, 1) in millimetres, 0 where it measured nothing, or a
    ready 16-bit PNG of it.
    """

    captured_ns: int
    rgb: NDArray[np.uint8] | None = None
    packet: bytes | None = None
    depth: NDArray[np.uint16] | None = None


@dataclass(slots=True)
class DeviceContext:
    """What a device may know of the rig that it belongs to.

    `shared` is for devices of one package that belong together, as a simulator's robot and cameras do.
    """

    rig: str
    fps: float
    name: str = ""
    width: int = 0
    height: int = 0
    camera_fps: float = 0.0
    camera_index: int = 0
    depth: bool = False
    shared: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Robot(Protocol):
    """Moves and knows where it is. `features` are LeRobot's, of `action` and every `observation.*` but cameras."""

    robot_type: str
    features: Features

    def connect(self) -> None:
        """Raises DeviceError, saying what to do, where the robot is not there."""

    def observe(self) -> Values:
        """The newest observation, one value for each `observation.*` feature; quick, for it is the loop's."""

    def act(self, action: Action) -> Action:
        """Send `action`, float32 (n,); returns what was really sent, after limits."""

    def disconnect(self) -> None: ...


@runtime_checkable
class Teleoperator(Protocol):
    """Decides what the robot does next."""

    def connect(self) -> None: ...

    def action(self, observation: Values) -> Action:
        """The action for this observation, float32 (n,); quick."""

    def disconnect(self) -> None: ...


@runtime_checkable
class Camera(Protocol):
    """Gives frames at its own pace, in a thread of its own."""

    def connect(self) -> None:
        """Raises DeviceError where the camera is not there; tried again, with growing pauses."""

    def read(self) -> Picture:
        """The next frame; waits for it. Raises DeviceError where none comes any more."""

    def disconnect(self) -> None: ...


@runtime_checkable
class TickCamera(Protocol):
    """A camera that the loop itself asks for one frame a tick, before the row is made (tests need that)."""

    def grab(self, tick: int) -> Picture: ...


@runtime_checkable
class TakeAware(Protocol):
    """A robot that wants to know when a take begins, before the observation of its first tick."""

    def begin_take(self) -> None: ...
