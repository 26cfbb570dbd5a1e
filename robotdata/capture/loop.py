"""The control loop: observe, act, make a row, on time. It never waits for a disk, a socket or a JPEG."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.devices import Robot, TakeAware, Teleoperator
from robotdata.capture.errors import DeviceError
from robotdata.capture.records import CameraFrame, Row

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

    `on_failure` is called once, from the loop's thread, with the reason when a device fails; the loop has
    then ended and may be started again.
    """

    def __init__(
        self,
        robot: Robot,
        teleoperator: Teleoperator,
        cameras: Sequence[CameraThread],
        fps: float,
        *,
        on_failure: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.fps = fps
        self.telemetry: deque[tuple[float, NDArray[Any], NDArray[Any]]] = deque(maxlen=_TELEMETRY_ROWS)
        self._robot, self._teleoperator, self._cameras = robot, teleoperator, list(cameras)
        self._ticked = [camera for camera in cameras if camera.is_ticked]
        self._period_ns = round(1e9 / fps)
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._sink: TakeSink | None = None
        self._take_tick = 0
        self._begins = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._shapes = {name: int(np.prod(feature["shape"])) for name, feature in robot.features.items()}
        self._observed = [name for name in self._shapes if name != "action"]
        self.reset_counters()

    def start(self) -> None:
        """Connect the devices and run; raises DeviceError."""
        self._robot.connect()
        try:
            self._teleoperator.connect()
        except DeviceError:
            self._robot.disconnect()
            raise
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="control-loop", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the current tick and let go of the devices."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

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

    def _run(self) -> None:
        failure = None
        try:
            self._loop()
        except DeviceError as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001  a device's own code may raise anything
            failure = f"{type(error).__name__}: {error}"
        finally:
            self._teleoperator.disconnect()
            self._robot.disconnect()
        if failure is not None:
            self._on_failure(failure)

    def _loop(self) -> None:
        due = clock.monotonic_ns() + self._period_ns
        while not self._stopping.is_set():
            clock.sleep_until(due)
            now = clock.monotonic_ns()
            self._tick(now)
            self._jitter.append(now - due)
            self._late += now - due > self._period_ns // 2
            due += self._period_ns
            behind = clock.monotonic_ns() - due
            if behind > self._period_ns:  # whole ticks are gone: said, not caught up with
                skipped = behind // self._period_ns
                self._dropped += skipped
                due += skipped * self._period_ns

    def _tick(self, now: int) -> None:
        with self._lock:
            sink, begins = self._sink, self._begins
            self._begins = False
        if begins and isinstance(self._robot, TakeAware):
            self._robot.begin_take()
        observation = self._robot.observe()
        self._check({name: observation.get(name) for name in self._observed}, "the robot")
        wanted = np.asarray(self._teleoperator.action(observation), np.float32)
        self._check({"action": wanted}, "the teleoperator")  # before it moves anything
        action = self._robot.act(wanted)
        self._check({"action": action}, "the robot")
        wall_ns = clock.wall_ns()
        with self._lock:
            if self._sink is sink:  # else a take began or ended just now, and this tick is in none
                self._finish_tick(Row(self._take_tick, now, wall_ns, {**observation, "action": action}))
        self._ticks += 1
        self._times.append(now)
        state = np.asarray(observation.get("observation.state", ()), np.float32).reshape(-1)
        self.telemetry.append((wall_ns / 1e9, state, action))

    def _finish_tick(self, row: Row) -> None:
        """Frames of this very tick from the cameras that give them, then the row."""
        for camera in self._ticked:
            camera.grab(row.tick)
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

    def _check(self, values: Mapping[str, Any], who: str) -> None:
        """Raises DeviceError where a device gives other values than were announced."""
        for name, value in values.items():
            size = self._shapes[name]
            array = np.asarray(() if value is None else value)
            if array.size != size:
                raise DeviceError(f"{who} gives {array.size} values of {name!r}, announced were {size}")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise DeviceError(f"{who} gives {array.reshape(-1).tolist()} for {name!r}: not finite")
