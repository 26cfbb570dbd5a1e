"""Play recorded actions back to a robot: slowly, along the recorded way, and never faster than a speed limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, is_velocity
from robotdata.capture.errors import CaptureError
from robotdata.capture.rest import SPEED as APPROACH_SPEED
from robotdata.capture.rest import STATE, Rest, step_towards
from robotdata.capture.values import StoredValue

SPEED = 60.0
"""Default speed limit of each joint in a replay, in the joint's unit a second."""
LEAST_FACTOR, DEFAULT_FACTOR, MOST_FACTOR = 0.1, 0.25, 1.0
"""The limits of a replay's speed, as a factor of the recorded one."""
APPROACH_S = 3.0
"""The move to the first pose takes at least this time, so that a person can still stop it."""
_LAG_S = 0.2
"""A robot may be so far behind the actions of a replay; one that is further away is held up by something."""
WAITING, APPROACH, PLAYING, REST, DONE = "waiting", "approach", "playing", "rest", "done"


class CannotPlay(CaptureError):
    """These actions cannot be played back to this robot; the message says why."""


class OtherJoints(CannotPlay):
    """The recording has other joints than the robot; `recorded` and `robot` are their names."""

    def __init__(self, recorded: Sequence[str], robot: Sequence[str]) -> None:
        super().__init__(
            f"the recording moves {', '.join(recorded) or 'joints without names'}; "
            f"the robot has {', '.join(robot) or 'no names for its joints'}"
        )
        self.recorded, self.robot = list(recorded), list(robot)


@dataclass(frozen=True, slots=True)
class Recording:
    """Recorded actions: `rows` is float32 (n, d) at `fps` rows a second, `names` has the d names of the joints.

    `low` and `high`, (d,), are the range that each joint may have: of its whole dataset, or of its take.
    """

    names: tuple[str, ...]
    rows: NDArray[np.float32]
    fps: float
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def check_rows(recording: Recording) -> None:
    """Raise CannotPlay, naming row and joint, unless all values are finite and within the recording's range."""
    rows = np.asarray(recording.rows, np.float64)
    slack = 1e-3 + 1e-3 * np.maximum(np.abs(recording.low), np.abs(recording.high))
    outside = np.logical_or(rows < recording.low - slack, rows > recording.high + slack)
    for bad, what in ((~np.isfinite(rows), "not a finite number"), (outside, "")):
        if bad.any():
            row, joint = (int(each) for each in np.argwhere(bad)[0])
            low, high = recording.low[joint], recording.high[joint]
            what = what or f"outside of the range of its recording, {low:g} to {high:g}"
            raise CannotPlay(f"row {row} has {rows[row, joint]:g} for {recording.names[joint]}, {what}")


class Playback:
    """Computes the actions of a replay, one for each call of `action`, at the control loop's `fps`.

    The robot moves from where it is to the first row, plays the rows at `factor` times the recorded speed, moves to
    the rest pose if `rest` has one for the end, and then holds still. No joint ever moves faster than `limit`, in its
    unit a second: where the rows are faster, all joints slow down together, so that the way stays the recorded one.
    The values of joints whose values are speeds are slowed with them, and are 0 except while rows are played.

    Raises CannotPlay if the robot lacks the joints or does not observe them, or as `check_rows`.
    """

    def __init__(
        self,
        recording: Recording,
        features: Mapping[str, Mapping[str, Any]],
        fps: float,
        *,
        factor: float,
        limit: float,
        rest: Rest | None = None,
    ) -> None:
        joints = StoredValue(ACTION, features[ACTION]).names
        if not joints or sorted(joints) != sorted(recording.names) or len(set(joints)) < len(joints):
            raise OtherJoints(recording.names, joints)
        if not len(recording.rows):
            raise CannotPlay("the recording has no rows")
        check_rows(recording)
        states = StoredValue(STATE, features[STATE]).names if STATE in features else []
        self.is_speed = np.array([is_velocity(name) for name in joints])
        unseen = [name for name in joints if name not in states and not is_velocity(name)]
        if unseen:
            problem = f"{STATE} of the robot has no {', '.join(unseen)}"
            raise CannotPlay(f"{problem}, so the way to the first pose is unknown")
        self.joints, self.factor = joints, factor
        self._where = [states.index(name) if name in states else -1 for name in joints]
        order = [recording.names.index(name) for name in joints]
        self._period_s = 1 / fps
        self._limit, self._approach_limit = limit, min(limit, rest.speed if rest is not None else APPROACH_SPEED)
        self.rows = len(recording.rows)
        self._plan(np.asarray(recording.rows, np.float64)[:, order], recording.fps, rest)
        self._here: NDArray[np.float64] = self._poses[0]
        self._begins_s = 0.0  # when the first row is reached, in seconds since the first action
        self._elapsed_s = 0.0
        self._pose: NDArray[np.float64] | None = None
        self._requested: NDArray[np.float64] | None = None
        self._is_stopped = self._holds = self._waits = False
        self._return_speed = 0.0

    def _plan(self, rows: NDArray[np.float64], fps: float, rest: Rest | None) -> None:
        """Plan the poses and their times in seconds after the first: the rows, and the rest pose for the end."""
        recorded_s = 1 / fps
        ways = np.abs(np.diff(rows[:, ~self.is_speed], axis=0)).max(axis=1, initial=0.0)
        lasting = np.maximum(recorded_s / self.factor, ways / self._limit)
        if len(rows) > 1:  # a base that drives more slowly drives for longer
            rows[:, self.is_speed] *= (recorded_s / np.append(lasting, lasting[-1]))[:, None]
        self._lasts_s = float(lasting.sum())
        if rest is not None and rest.at_end:
            goal = np.array([rest.joints.get(name, rows[-1, place]) for place, name in enumerate(self.joints)])
            lasting = np.append(lasting, self._moving_s(rows[-1], goal))
            rows = np.vstack([rows, goal])
        self._poses, self._times = rows, np.concatenate([[0.0], np.cumsum(lasting)])

    # -- for the control loop

    def action(self, state: NDArray[Any], requested: NDArray[Any]) -> NDArray[np.float32]:
        """Return the next action. `state` is the present `observation.state`; `requested` is not sent."""
        self._requested = np.asarray(requested, np.float64)
        observed, pose = np.asarray(state, np.float64), self._pose
        if pose is None:
            pose = self._begin(observed)
        elif self._is_stopped and not self._holds:
            pose, self._holds = self._held(pose, observed), True
        elif not (self._is_stopped or self._waits):
            self._elapsed_s += self._period_s
            pose = self._at(self._elapsed_s)
        if self._is_stopped:
            pose = np.where(self.is_speed, 0.0, pose)
        self._pose = pose
        return pose.astype(np.float32)

    def towards(self, action: NDArray[Any]) -> NDArray[np.float32]:
        """Return the next action, one slow step nearer to `action`, that of the teleoperator; equal to it at last."""
        if self._pose is None:
            return np.array(action, np.float32)
        # As slow as an approach, whatever the joints' unit; never slower again, so that the robot arrives.
        away = float(np.abs(np.asarray(action, np.float64) - self._pose)[~self.is_speed].max(initial=0.0))
        self._return_speed = max(self._return_speed, min(self._approach_limit, away / APPROACH_S))
        steps = np.where(self.is_speed, np.inf, self._return_speed * self._period_s)
        self._pose = step_towards(self._pose, np.asarray(action, np.float64), steps)
        return self._pose.astype(np.float32)

    def arrived(self, action: NDArray[Any]) -> bool:
        """Return whether the last action was `action`."""
        return self._pose is None or np.array_equal(self._pose.astype(np.float32), np.asarray(action, np.float32))

    def begin_at(self, state: NDArray[Any]) -> None:
        """Let `towards` begin where `state`, an `observation.state`, shows the robot."""
        self._pose, self._return_speed = self._observed(np.asarray(state, np.float64)), 0.0

    # -- for other threads

    def wait(self) -> None:
        """Hold still where the robot is, until `go`."""
        self._waits = True

    def go(self) -> None:
        """Move again after `wait`."""
        self._waits = False

    def stop(self) -> None:
        """Hold still from the next action on, wherever the robot then is."""
        self._is_stopped = True

    @property
    def phase(self) -> str:
        """Return what the robot does: WAITING, APPROACH, PLAYING, REST, or DONE, which means that it holds still."""
        if self._is_stopped:
            return DONE
        if self._waits:
            return WAITING
        played_s = self._elapsed_s - self._begins_s
        if self._pose is None or played_s < 0:
            return APPROACH
        if played_s < self._lasts_s:
            return PLAYING
        return REST if played_s < self._times[-1] else DONE

    @property
    def row(self) -> int:
        """Return the row that was played last; 0 before the first."""
        played = int(np.searchsorted(self._times, self._elapsed_s - self._begins_s, side="right")) - 1
        return min(max(0, played), self.rows - 1)

    @property
    def left_s(self) -> float:
        """Return the seconds until the robot holds still; 0 before the first action."""
        ends_s = self._begins_s + float(self._times[-1])
        return 0.0 if self._pose is None or self._is_stopped else max(0.0, ends_s - self._elapsed_s)

    @property
    def away(self) -> tuple[str, float] | None:
        """Return the joint in which the teleoperator differs most from the robot, and by how much."""
        pose, requested = self._pose, self._requested
        if pose is None or requested is None or self.is_speed.all():
            return None
        ways = np.where(self.is_speed, 0.0, np.abs(requested - pose))
        return self.joints[int(np.argmax(ways))], float(ways.max())

    # -- the way

    def _begin(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the observed pose, from which the way begins."""
        self._here = self._observed(state)
        self._begins_s = self._moving_s(self._here, self._poses[0])
        return self._here

    def _observed(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(self.is_speed, 0.0, state[self._where])

    def _held(self, pose: NDArray[np.float64], state: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `pose`, but where the robot is for joints that something holds up: they must not press on."""
        seen = self._observed(state)
        return np.where(np.abs(seen - pose) > self._limit * _LAG_S, seen, pose)

    def _moving_s(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """Return the seconds of a move that was not recorded: slow, and long enough to be stopped."""
        distance = float(np.abs(second - first)[~self.is_speed].max(initial=0.0))
        return max(APPROACH_S, distance / self._approach_limit)

    def _at(self, elapsed_s: float) -> NDArray[np.float64]:
        """Return the pose at this time; beyond the end, the last one."""
        played_s = elapsed_s - self._begins_s
        pose: NDArray[np.float64]
        if played_s < 0:
            pose = self._here + elapsed_s / self._begins_s * (self._poses[0] - self._here)
        elif played_s >= self._times[-1]:
            pose = self._poses[-1]
        else:
            after = int(np.searchsorted(self._times, played_s, side="right"))
            begin, end = self._times[after - 1], self._times[after]
            way = self._poses[after] - self._poses[after - 1]
            pose = self._poses[after - 1] + (played_s - begin) / (end - begin) * way
        if not 0 <= played_s < self._lasts_s:
            pose = np.where(self.is_speed, 0.0, pose)
        return pose
