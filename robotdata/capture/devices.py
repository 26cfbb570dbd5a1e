"""The protocols that a robot, teleoperator or camera implements. See `docs/devices.md` for a robot in 30 lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Values = Mapping[str, "NDArray[np.generic] | float | str"]
Action = NDArray[np.float32]
Features = Mapping[str, Mapping[str, Any]]
INTERVENTION = "intervention"
"""The feature that says in which rows a person corrected a policy; LeRobot's name for it."""
ROBOT_FEATURES = "robot.features"
"""Where a teleoperator finds the `features` of the rig's robot in `DeviceContext.shared`."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame from a camera, captured at `captured_ns` (monotonic).

    A colour camera sets `rgb`, uint8 (H, W, 3), or `packet`, a JPEG. A depth camera sets `depth`, uint16 (H, W) or
    (H, W, 1) in millimetres with 0 where nothing was measured, or `packet`, a 16-bit PNG of that.

    A camera whose image takes work to make, such as a simulator, may set only `render`, which returns what `rgb` or
    `depth` would be. It is called at most once, before the next `read` or `grab`, and only for a frame that is needed.
    """

    captured_ns: int
    rgb: NDArray[np.uint8] | None = None
    packet: bytes | None = None
    depth: NDArray[np.uint16] | None = None
    render: Callable[[], NDArray[Any]] | None = None


@dataclass(frozen=True, slots=True)
class OwnCamera:
    """A camera whose pictures come with the robot's observation: its size in pixels, and who gives them at each tick.

    `depth`: its pictures are depth, as those of `Picture.depth`.
    """

    width: int
    height: int
    driver: TickCamera
    depth: bool = False


@dataclass(slots=True)
class DeviceContext:
    """The rig that a device belongs to: its name and `fps` (Hz); for a camera also `name`, size (pixels) and rate.

    `shared` is one dict for all devices of the rig. Devices that belong together, such as a simulator's robot and
    cameras, exchange objects through it.
    """

    rig: str
    fps: float
    name: str = ""
    width: int = 0
    height: int = 0
    camera_fps: float = 0.0
    camera_index: int = 0
    depth: bool = False
    processed: bool = False
    """Whether processors turn a teleoperator's values into the robot's: they need not be joints then."""
    shared: dict[str, Any] = field(default_factory=dict)
    rotate: int = 0
    """Degrees by which a camera's pictures are turned afterwards; its size here is the one before."""


@runtime_checkable
class Robot(Protocol):
    """A robot. `features` are LeRobot's, for `action` and every `observation.*` except cameras.

    It may have an attribute `recorded_action`, "sent" or "requested": which of a tick's two actions becomes the
    `action` of a dataset if the rig file does not say it. Without the attribute it is "sent".

    It may have an attribute `on_end`, "hold" or "release": what `disconnect` does to its torque, for people to know;
    and `approach_speed`, how fast its joints may move to the teleoperator once it is connected, in their unit a second.

    It may have an attribute `cameras`, an OwnCamera for each name: pictures that come with its observation. They are
    cameras of the rig like those of the rig file, with these names.
    """

    robot_type: str
    features: Features

    def connect(self) -> None:
        """Connect. Raises DeviceError, saying what to do, if the robot is not available."""

    def observe(self) -> Values:
        """Return the newest observation, one value per `observation.*` feature; at once, the control loop waits."""

    def act(self, action: Action) -> Action:
        """Send `action`, float32 (n,); return the action that was sent, after limits."""

    def disconnect(self) -> None:
        """Release the robot; also called after a `connect` that failed."""


@runtime_checkable
class Teleoperator(Protocol):
    """A source of actions: a leader arm, a game pad, a policy.

    It may have an attribute `features` like a robot's, whose `action` has the names of its values (joints, say) in its
    own order. Where both are known, the values reach the robot by name; a rig whose names differ does not start.
    """

    def connect(self) -> None:
        """Connect. Raises DeviceError, saying what to do, if the teleoperator is not available."""

    def action(self, observation: Values) -> Action:
        """Return the action for this observation, float32 (n,); at once, the control loop waits."""

    def disconnect(self) -> None:
        """Release the teleoperator; also called after a `connect` that failed."""


@runtime_checkable
class Camera(Protocol):
    """A camera with a clock of its own, read in a thread of its own."""

    def connect(self) -> None:
        """Connect. Raises DeviceError if the camera is not available; it is called again, after growing pauses."""

    def read(self) -> Picture:
        """Wait for the next frame and return it. Raises DeviceError if the camera has stopped."""

    def disconnect(self) -> None:
        """Release the camera; also called after a `connect` or `read` that failed."""


@runtime_checkable
class TickCamera(Protocol):
    """A camera that the control loop calls once per tick, so that each row has a frame of its own tick."""

    def grab(self, tick: int) -> Picture:
        """Return the frame of `tick` at once. Raises DeviceError if there is none."""


@runtime_checkable
class Stoppable(Protocol):
    """A robot or teleoperator with an emergency stop of its own; others are only disconnected."""

    def emergency_stop(self) -> None:
        """Stop moving at once, in the way that is safest for this device; no action follows, and then `disconnect`.

        The control loop's thread calls it. If another call of a device keeps that thread, a second thread calls it,
        even while this device is being called.
        """


@runtime_checkable
class EventSource(Protocol):
    """A robot or teleoperator that asks for something: a foot pedal, a button of a leader, a simulator.

    An attribute `interventions = True` says that it may send `intervention_on` and `intervention_off`. Every row then
    has the feature INTERVENTION, which is true in between, and so has the dataset.
    """

    def events(self) -> list[str]:
        """Return the events since the last call, the oldest first; the control loop asks at each tick, before `act`.

        They are `start`, `stop`, `rerecord`, `discard`, `success`, `failure`, `intervention_on`, `intervention_off` and
        `emergency_stop`. Any other is one warning.
        """


class Alarming(Protocol):
    """A robot or teleoperator that knows of something which people should see while it works on."""

    alarm: str
    """One sentence, with what to do; empty if all is well. Any thread may read it, and asks no device by it."""


class TakeAware(Protocol):
    """A robot or teleoperator that is told when a take begins, in the control loop's thread."""

    def begin_take(self) -> None:
        """Prepare for a take, as quickly as `observe`; the first `observe` of the take follows."""


class TakeEndAware(Protocol):
    """A robot or teleoperator that is told when a take has ended, in the control loop's thread."""

    def end_take(self) -> None:
        """Note that a take has ended, as quickly as `observe`; not called after a failure or an emergency stop."""


class Resettable(Protocol):
    """A robot or teleoperator that is told when a reset phase begins, in the control loop's thread."""

    def reset(self) -> None:
        """Prepare for the next take, within `connect_s` of the rig file: a simulator resets its world."""


class FeedbackAware(Protocol):
    """A teleoperator that lets a person feel or see what the robot does, in the control loop's thread."""

    def feedback(self, observation: Values) -> None:
        """Take in what `observe` returned at this tick, after the action was sent; at once, the control loop waits.

        An error is one warning, and the teleoperator gets no feedback until it is connected again.
        """


class RestAware(Protocol):
    """A robot or teleoperator that is told when the robot leaves its rest pose, in the control loop's thread."""

    def end_reset(self) -> None:
        """Note that the robot was moved by others and follows the teleoperator again, as quickly as `observe`."""
