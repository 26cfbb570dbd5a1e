"""The control loop: observe, act and make a row at a fixed rate. It never waits for a disk, a socket or an encoder."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.actions import ACTION, REQUESTED_COLUMN
from robotdata.capture.approach import Approach
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.devices import Robot, Teleoperator
from robotdata.capture.errors import DeviceError
from robotdata.capture.events import EventReader
from robotdata.capture.feedback import Feedback
from robotdata.capture.loop_time import LoopCounters, LoopTime
from robotdata.capture.merged import MergedActions
from robotdata.capture.records import CameraFrame, Row
from robotdata.capture.rest import LONGEST_S, STATE, Rest
from robotdata.capture.session import Call, Failure, NamedDevice, Session, Timeouts, Tracebacks
from robotdata.capture.steering import Steering
from robotdata.capture.time_slices import ask_for_short_slices
from robotdata.capture.values import RowValues

SILENT_PERIODS = 3
STOP_S, LONGEST_STOP_S = 5.0, 12.0
EMERGENCY = "an emergency stop was asked for"
_POLL_S = 0.005
_JITTERS = 1024
_TELEMETRY_ROWS = 512


class TakeSink(Protocol):
    """Receives the data of the take being recorded; both calls return at once, even if the disk is slow."""

    def add_frame(self, key: str, frame: CameraFrame) -> None:
        """Take one frame of the camera `key`."""

    def add_row(self, row: Row, camera_states: Mapping[str, str]) -> None:
        """Take one row, with the state of each camera by key."""


class ControlLoop:
    """Drives robot and teleoperators, one or several by name, at `fps` in a thread of its own.

    If a device fails or hangs, the loop disconnects every device that does not hang, `running` becomes False and
    `failure` says why. `start` works again once no call hangs. Another thread must call `watch` often, because the
    loop's own thread cannot notice that it hangs. Raises ConfigError if the robot's features cannot be recorded, or if
    the teleoperator has other joints.
    """

    def __init__(
        self,
        robot: Robot,
        teleoperators: Teleoperator | Mapping[str, Teleoperator],
        cameras: Sequence[CameraThread],
        fps: float,
        *,
        timeouts: Timeouts | None = None,
        rest: Rest | None = None,
        approach: Approach | None = None,
    ) -> None:
        self.fps = fps
        self.telemetry: deque[tuple[float, NDArray[Any], NDArray[Any]]] = deque(maxlen=_TELEMETRY_ROWS)
        self.times = LoopTime(fps)
        self._robot = NamedDevice("robot", robot)
        by_name = teleoperators if isinstance(teleoperators, Mapping) else {"": teleoperators}
        self._teleoperators = [NamedDevice(f"teleoperator {name}".strip(), each) for name, each in by_name.items()]
        self._cameras = list(cameras)
        self._ticked = [(camera, camera.device) for camera in cameras if camera.is_ticked]
        self._period_ns = round(1e9 / fps)
        self._timeouts = timeouts or Timeouts()
        self._tracebacks = Tracebacks()
        self._lock, self._starting = threading.Lock(), threading.Lock()
        self._sink: TakeSink | None = None
        self._take_tick = 0
        self._take_begins = self._take_ends = self._reset_due = False
        self._rest = rest
        self.steering = Steering(rest, robot.features, fps, approach)
        self.events = EventReader([self._robot, *self._teleoperators], self.emergency_stop)
        self.feedback = Feedback(self._teleoperators)
        self._session: Session | None = None
        self._stopped, self._stops = False, 0
        offered = {name: getattr(each, "features", None) for name, each in by_name.items()}
        self._merged = MergedActions(offered, robot.features) if len(by_name) > 1 else None
        features = self._merged.features if self._merged is not None else next(iter(offered.values()))
        self._values = RowValues(robot.features, features)
        self.reset_counters()

    def start(self) -> None:
        """Connect the devices, then run the loop, in a new thread; return at once.

        The robot connects last, so that it never holds torque without a teleoperator. Raises DeviceError if an earlier
        call of a device still hangs or after an emergency stop, RuntimeError if the system cannot start a thread.
        """
        if not self.ended:
            raise DeviceError("an earlier call has not returned yet; devices connect again once it has")
        devices = [*self._teleoperators, *(device for _, device in self._ticked), self._robot]
        with self._starting:
            if self._stopped:
                raise DeviceError(EMERGENCY)
            session = Session(devices, self._timeouts, self._tracebacks)
            self._take_ends = False  # devices are not told of the end of a take that failed
            self.events.intervenes = False
            self.feedback.begin()
            self.steering.forget()  # where the robot is now, nobody knows
            session.start(lambda: self._run(session))
            self._session = session

    def emergency_stop(self) -> None:
        """Send no further action, stop and disconnect the devices; return at once, and wait for no device.

        `start` refuses from then on, until `allow_start`. Any thread may call it, at any time and repeatedly.
        """
        with self._starting:
            self._stopped = True
            self._stops += 1
            session = self._session
        if session is not None:
            session.stop_now(Failure("rig", EMERGENCY))

    def allow_start(self, seen: int) -> bool:
        """Let `start` work again: somebody has looked at the robot, when `stops` was `seen`.

        Return False without any effect if it is another now: a newer emergency stop stays in force.
        """
        with self._starting:
            if self._stops != seen:
                return False
            self._stopped = False
            return True

    @property
    def stops(self) -> int:
        """Return how often `emergency_stop` was called."""
        return self._stops

    @property
    def stopped(self) -> bool:
        """Return whether an emergency stop is in force."""
        return self._stopped

    def stop(self) -> bool:
        """End the loop after the current tick and disconnect the devices; return False if a device still hangs.

        All other devices are disconnected at once. A device that hangs gets STOP_S to return, because it can be
        disconnected only after that.
        """
        session = self._session
        if session is None:
            return True
        session.end()
        longest_s = LONGEST_STOP_S + (LONGEST_S if self._rest is not None and self._rest.at_end else 0.0)
        began = clock.monotonic()
        while not session.ended:
            session.watch()
            waited_s = clock.monotonic() - began
            if waited_s >= longest_s or (waited_s >= STOP_S and session.stuck):
                break
            clock.pause(_POLL_S)
        return session.ended

    def watch(self) -> None:
        """End the loop if a device does not answer in time. Call it often, from a thread that calls no device."""
        if self._session is not None:
            self._session.watch()

    @property
    def running(self) -> bool:
        """Return whether every device is connected and the loop runs."""
        return self._session is not None and self._session.working

    @property
    def ended(self) -> bool:
        """Return whether the loop has ended, every device is disconnected and no call hangs."""
        return self._session is None or self._session.ended

    @property
    def hanging(self) -> list[Call]:
        """Return the calls that timed out and have not returned; `start` raises DeviceError until they have."""
        return [call for call in self._session.calls if call.timed_out] if self._session is not None else []

    @property
    def failure(self) -> Failure | None:
        """Return why the loop has ended; None while it connects or runs, and after `stop`."""
        return self._session.failure if self._session is not None else None

    @property
    def late_calls(self) -> list[Call]:
        """Return the running calls that are late: after SILENT_PERIODS periods, a `connect` after `answer_s`."""
        if self._session is None:
            return []
        late_after_s = SILENT_PERIODS / self.fps
        return [
            call
            for call in self._session.calls
            if call.waited_s >= (self._timeouts.answer_s if call.method == "connect" else late_after_s)
        ]

    @property
    def alarms(self) -> dict[str, str]:
        """Return what the drivers warn of now (`capture.devices.Alarming`), by the name of the device."""
        devices = (self._robot, *self._teleoperators)
        return {each.name: text for each in devices if (text := getattr(each.driver, "alarm", ""))}

    @property
    def unreleased(self) -> dict[str, str]:
        """Return the devices that failed to disconnect when the loop ended: name -> reason."""
        return self._session.unreleased if self._session is not None else {}

    @property
    def unstopped(self) -> dict[str, str]:
        """Return the devices whose `emergency_stop` failed or does not return: name -> reason."""
        return self._session.unstopped if self._session is not None else {}

    def swap_sink(self, sink: TakeSink | None, *, is_take: bool = True) -> None:
        """Send rows and frames to `sink` (None: nowhere) from the next tick on; devices hear of it if it `is_take`."""
        with self._lock:
            for camera in self._cameras:
                camera.detach()
            self._take_ends = self._take_ends or (is_take and self._sink is not None)
            self._sink = sink
            self._take_tick = 0
            self._take_begins = is_take and sink is not None
            if sink is not None:
                for camera in self._cameras:
                    camera.attach(sink.add_frame)
                self.reset_counters()

    def begin_reset(self) -> None:
        """Let the devices reset from the next tick on, and the robot go to its rest pose if the rig file says so."""
        self._reset_due = True
        self.steering.begin_reset()

    def end_reset(self) -> None:
        """Let the teleoperator drive again; a robot that rests moves to it at the speed of the rest pose."""
        self._reset_due = False
        self.steering.end_reset()

    def wake_cameras(self, awake: bool) -> None:
        """Encode every frame from now on, or else only those that somebody needs."""
        for camera in self._cameras:
            camera.awake = awake

    def await_current_frames(self, timeout_s: float) -> None:
        """Wake the cameras; wait up to `timeout_s` until none has skipped the frame that it read last."""
        self.wake_cameras(True)
        end = clock.monotonic() + timeout_s
        while any(camera.is_behind for camera in self._cameras) and clock.monotonic() < end:
            clock.pause(_POLL_S)

    def forget_frames(self) -> None:
        """Keep the cameras' frames so far from later takes, so that no frame of a discarded take is in the next."""
        for camera in self._cameras:
            camera.forget()

    def reset_counters(self) -> None:
        """Count from zero; a new take does so."""
        self._ticks = self._late = self._dropped = 0
        self._jitter: deque[int] = deque(maxlen=_JITTERS)
        self._times: deque[int] = deque(maxlen=max(2, round(2 * self.fps)))

    def counters(self) -> LoopCounters:
        """Return the counters since the last take began."""
        jitter, times = list(self._jitter), list(self._times)
        rate = self.fps
        if len(times) > 1:  # over the last two seconds; up to now if the newest tick is older than two periods
            elapsed_ns = max(times[-1], clock.monotonic_ns() - 2 * self._period_ns) - times[0]
            rate = (len(times) - 1) * 1e9 / max(1, elapsed_ns)
        p99 = float(np.percentile(jitter, 99)) / 1e6 if jitter else 0.0
        return LoopCounters(self._ticks, self._late, self._dropped, round(rate, 2), round(p99, 3))

    def _run(self, session: Session) -> None:
        ask_for_short_slices()  # now, because the threads that a driver starts in `connect` would inherit them
        self.times.clear()
        due = clock.monotonic_ns() + self._period_ns
        while not session.ending.is_set():
            clock.sleep_until(due, spin_ns=clock.SPIN_NS if self._sink is not None else 0)
            now = clock.monotonic_ns()
            with self.events.told_at_the_end():
                self._tick(session, now)
            self._times.append(due)  # not when it ran: one late tick would change the measured rate
            self._jitter.append(now - due)
            self._late += now - due > self._period_ns // 2
            due += self._period_ns
            behind = clock.monotonic_ns() - due
            if behind > self._period_ns:  # count whole missed ticks and skip them: catching up would bunch the rest
                skipped = behind // self._period_ns
                self._dropped += skipped
                due += skipped * self._period_ns
        self._tell(session)
        if self._rest is not None and self._rest.at_end:
            self._go_to_rest(session)

    def _go_to_rest(self, session: Session) -> None:
        """Move the robot to its rest pose, for at most LONGEST_S. Nothing moves once the session is closed.

        Devices are asked for an emergency stop as in any tick.
        """
        move = self.steering.rest_move
        assert move is not None
        move.begin()
        due = clock.monotonic_ns()
        end = due + round(LONGEST_S * 1e9)
        state: NDArray[Any] | None = None
        while due < end:
            clock.sleep_until(due, spin_ns=0)
            _, values = session.call(self._robot, "observe", check=self._check_observation)
            state, before = values[STATE], state
            if move.arrived() and before is not None and move.is_still(before, state):
                return
            self.events.read(session)
            self.events.tell()
            session.call(self._robot, "act", move.towards_rest(state), check=self._values.sent_action)
            due = max(due, clock.monotonic_ns()) + self._period_ns

    def _tell(self, session: Session) -> tuple[TakeSink | None, int]:
        """Tell the devices that a take has ended, a reset phase begins, they drive again or a take begins.

        Return the sink of the next tick, and its number in the take.
        """
        with self._lock:
            sink, tick = self._sink, self._take_tick
            ends, begins, resets = self._take_ends, self._take_begins, self._reset_due
            self._take_ends = self._take_begins = self._reset_due = False
            follows = self.steering.take_over()
        for method, due in (("end_take", ends), ("reset", resets), ("end_reset", follows), ("begin_take", begins)):
            for device in (self._robot, *self._teleoperators) if due else ():
                if hasattr(device.driver, method):
                    session.call(device, method)
        return sink, tick

    def _tick(self, session: Session, now: int) -> None:
        sink, tick = self._tell(session)
        began = clock.monotonic_ns()
        observation, values = session.call(self._robot, "observe", check=self._check_observation)
        observed = clock.monotonic_ns()
        values[REQUESTED_COLUMN], requested = self._request(session, observation)
        self.events.read(session)
        values.update(self.events.columns())
        action = self.steering.action(values, requested)
        asked = clock.monotonic_ns()
        values[ACTION] = session.call(self._robot, "act", action, check=self._values.sent_action)
        wall_ns = clock.wall_ns()
        self.feedback.give(session, observation)
        acted = clock.monotonic_ns()
        frames = [
            (camera, session.call(device, "grab", tick, check=camera.make_frame)) for camera, device in self._ticked
        ]
        self.times.add(began, observed, asked, acted, clock.monotonic_ns())
        with self._lock:
            if self._sink is sink:  # else a take began or ended during this tick, which then belongs to none
                self._finish_tick(Row(tick, now, wall_ns, values), frames)
        self._ticks += 1
        state = np.asarray(values.get(STATE, ()), np.float32)
        self.telemetry.append((wall_ns / 1e9, state, values[ACTION]))

    def _request(self, session: Session, observation: Any) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return the requested action in the robot's order: as it is stored, and as the robot gets it."""
        merged = self._merged
        if merged is None:
            (device,) = self._teleoperators
            found: tuple[NDArray[Any], NDArray[np.float32]]
            found = session.call(device, "action", observation, check=self._values.requested_action)
            return found
        parts = [
            session.call(device, "action", observation, check=partial(merged.part, index))
            for index, device in enumerate(self._teleoperators)
        ]
        return self._values.requested_action(merged.join(parts))

    def _check_observation(self, observation: Any) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return the observation unchanged, for the teleoperator, and as it is stored. Raises DeviceError."""
        return observation, self._values.observation(observation)

    def _finish_tick(self, row: Row, frames: Sequence[tuple[CameraThread, CameraFrame | None]]) -> None:
        """Publish the frames of the ticked cameras, then send the row, which names them."""
        for camera, frame in frames:
            if frame is not None:
                camera.publish(frame)
        if self._sink is not None:
            self._sink.add_row(replace(row, frames=self._frames()), self._states(row.monotonic_ns))
        self._take_tick += 1

    def _frames(self) -> dict[str, tuple[int, int]]:
        frames = {}
        for camera in self._cameras:
            newest = camera.newest
            frames[camera.key] = (-1, 0) if newest is None else (newest.seq, newest.captured_ns)
        return frames

    def _states(self, now: int) -> dict[str, str]:
        return {camera.key: camera.health.state(now) for camera in self._cameras}
