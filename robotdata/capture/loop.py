"""The control loop: observe, act, make a row, on time. It never waits for a disk, a socket or a JPEG."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.devices import Robot, TakeAware, Teleoperator
from robotdata.capture.errors import DeviceError
from robotdata.capture.records import CameraFrame, Row
from robotdata.capture.session import Call, Failure, Limits, Part, Session, Tracebacks
from robotdata.capture.values import RowValues

SILENT_PERIODS = 3
STOP_S, LONGEST_STOP_S = 5.0, 12.0
_LOOK_S = 0.005
_JITTERS = 1024
_TELEMETRY_ROWS = 512


class TakeSink(Protocol):
    """Where a running take goes; both calls return at once, whatever the disk does."""

    def add_frame(self, key: str, frame: CameraFrame) -> None: ...

    def add_row(self, row: Row, camera_states: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class LoopCounters:
    """Ticks since the counters began; `fps` is the rate of the last two seconds, jitter how late ticks begin."""

    ticks: int
    late_ticks: int
    dropped_ticks: int
    fps: float
    jitter_p99_ms: float


class ControlLoop:
    """Drives robot and teleoperator at `fps` in a thread of its own.

    Whatever a device does, the loop ends in order: `running` is then False, `failure` says why, every device that
    does not hang was told to disconnect, and the loop may be started again once none hangs any more. Somebody has to
    call `watch` often, for a thread that waits for a device notices nothing. Raises ConfigError where the features
    of the robot cannot be recorded.
    """

    def __init__(
        self,
        robot: Robot,
        teleoperator: Teleoperator,
        cameras: Sequence[CameraThread],
        fps: float,
        *,
        limits: Limits | None = None,
    ) -> None:
        self.fps = fps
        self.telemetry: deque[tuple[float, NDArray[Any], NDArray[Any]]] = deque(maxlen=_TELEMETRY_ROWS)
        self._robot, self._teleoperator = Part("robot", robot), Part("teleoperator", teleoperator)
        self._cameras = list(cameras)
        self._ticked = [(camera, camera.part) for camera in cameras if camera.is_ticked]
        self._period_ns = round(1e9 / fps)
        self._limits = limits or Limits()
        self._tracebacks = Tracebacks()
        self._lock = threading.Lock()
        self._sink: TakeSink | None = None
        self._take_tick = 0
        self._begins = False
        self._session: Session | None = None
        self._values = RowValues(robot.features)
        self.reset_counters()

    def start(self) -> None:
        """Begin to connect the devices, and then to run; returns at once.

        The robot comes last: it never stands under torque without somebody who commands it. Raises DeviceError where
        an earlier call of a device still hangs, RuntimeError where the system gives no thread.
        """
        if not self.ended:
            raise DeviceError("an earlier call has not returned yet; devices connect again once it has")
        parts = [self._teleoperator, *(part for _, part in self._ticked), self._robot]
        session = Session(parts, self._limits, self._tracebacks)
        session.start(lambda: self._run(session))
        self._session = session

    def stop(self) -> bool:
        """End after the current tick and let go of the devices; False where one hangs, which is then left alone.

        One that hangs has STOP_S to answer after all, for only then can it be told to disconnect; but all others are.
        """
        session = self._session
        if session is None:
            return True
        session.end()
        began = clock.monotonic()
        while not session.over:
            session.watch()
            waited_s = clock.monotonic() - began
            if waited_s >= LONGEST_STOP_S or (waited_s >= STOP_S and session.stuck):
                break
            clock.pause(_LOOK_S)
        return session.over

    def watch(self) -> None:
        """End the loop where a device does not answer; to be called often, by a thread that calls no device."""
        if self._session is not None:
            self._session.watch()

    @property
    def running(self) -> bool:
        """Whether every device is connected and the loop's thread lives."""
        return self._session is not None and self._session.working

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left: every device was let go of, and none hangs."""
        return self._session is None or self._session.over

    @property
    def hanging(self) -> list[Call]:
        """The calls that were given up and have not returned: nothing is connected before they have."""
        return [call for call in self._session.calls if call.given_up] if self._session is not None else []

    @property
    def failure(self) -> Failure | None:
        """Why the loop has ended; None while it connects or runs, or where it was told to end."""
        return self._session.failure if self._session is not None else None

    @property
    def silences(self) -> list[Call]:
        """The calls that take too long: three periods; of a connect, as long as any other call may take at most."""
        if self._session is None:
            return []
        usual = SILENT_PERIODS / self.fps
        return [
            call
            for call in self._session.calls
            if call.waited_s >= (self._limits.answer_s if call.method == "connect" else usual)
        ]

    @property
    def unreleased(self) -> dict[str, str]:
        """The devices that could not be told to disconnect when the loop ended, and why."""
        return self._session.unreleased if self._session is not None else {}

    def swap_sink(self, sink: TakeSink | None) -> None:
        """From the next tick on rows and frames go to `sink`, or nowhere; no row is in the old one after that."""
        with self._lock:
            for camera in self._cameras:
                camera.detach()
            self._sink = sink
            self._take_tick = 0
            self._begins = sink is not None
            if sink is not None:
                for camera in self._cameras:
                    camera.attach(sink.add_frame)
                self.reset_counters()

    def forget_frames(self) -> None:
        """What the cameras have shown so far is in no later take: that of a discarded one would be in the next."""
        for camera in self._cameras:
            camera.forget()

    def reset_counters(self) -> None:
        self._ticks = self._late = self._dropped = 0
        self._jitter: deque[int] = deque(maxlen=_JITTERS)
        self._times: deque[int] = deque(maxlen=max(2, round(2 * self.fps)))

    def counters(self) -> LoopCounters:
        """Since the take began, or since the last one ended."""
        jitter = list(self._jitter)
        times = list(self._times)
        rate = self.fps
        if len(times) > 1:  # over the last two seconds, up to now where ticks fail to come
            taken_ns = max(times[-1], clock.monotonic_ns() - 2 * self._period_ns) - times[0]
            rate = (len(times) - 1) * 1e9 / max(1, taken_ns)
        p99 = float(np.percentile(jitter, 99)) / 1e6 if jitter else 0.0
        return LoopCounters(self._ticks, self._late, self._dropped, round(rate, 2), round(p99, 3))

    def _run(self, session: Session) -> None:
        due = clock.monotonic_ns() + self._period_ns
        while not session.ending.is_set():
            clock.sleep_until(due)
            now = clock.monotonic_ns()
            self._tick(session, now)
            self._jitter.append(now - due)
            self._late += now - due > self._period_ns // 2
            due += self._period_ns
            behind = clock.monotonic_ns() - due
            if behind > self._period_ns:  # whole ticks are gone: said, not caught up with
                skipped = behind // self._period_ns
                self._dropped += skipped
                due += skipped * self._period_ns

    def _tick(self, session: Session, now: int) -> None:
        with self._lock:
            sink, tick, begins = self._sink, self._take_tick, self._begins
            self._begins = False
        if begins and isinstance(self._robot.device, TakeAware):
            session.call(self._robot, "begin_take")
        given, values = session.call(self._robot, "observe", check=self._observed)
        wanted = session.call(self._teleoperator, "action", given, check=self._values.wanted)
        values["action"] = session.call(self._robot, "act", wanted, check=self._values.sent)
        wall_ns = clock.wall_ns()
        frames = [(camera, session.call(part, "grab", tick, check=camera.frame_of)) for camera, part in self._ticked]
        with self._lock:
            if self._sink is sink:  # else a take began or ended just now, and this tick is in none
                self._finish_tick(Row(tick, now, wall_ns, values), frames)
        self._ticks += 1
        self._times.append(now)
        state = np.asarray(values.get("observation.state", ()), np.float32)
        self.telemetry.append((wall_ns / 1e9, state, values["action"]))

    def _observed(self, given: Any) -> tuple[Any, dict[str, NDArray[Any]]]:
        """As the robot gave it, for the teleoperator, and as it is stored."""
        return given, self._values.observation(given)

    def _finish_tick(self, row: Row, frames: Sequence[tuple[CameraThread, CameraFrame | None]]) -> None:
        """Frames of this very tick from the cameras that give them, then the row."""
        for camera, frame in frames:
            if frame is not None:
                camera.keep(frame)
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
