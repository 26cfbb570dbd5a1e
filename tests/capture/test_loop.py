from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import numpy as np
import pytest

from robotdata.capture.devices import Action, Values
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.loop import ControlLoop
from robotdata.capture.records import CameraFrame, Row

FEATURE = {"dtype": "float32", "shape": [2], "names": ["a", "b"]}


class Arm:
    """Says what it is told to; the teleoperator adds one."""

    robot_type = "arm"
    features: Mapping[str, Mapping[str, object]] = {"action": FEATURE, "observation.state": FEATURE}

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.closed = 0

    def connect(self) -> None:
        pass

    def observe(self) -> Values:
        step = self.script.pop(0) if self.script else [0.0, 0.0]
        if isinstance(step, BaseException):
            raise step
        return {"observation.state": np.array(step, np.float32)}

    def act(self, action: Action) -> Action:
        return np.minimum(action, 5)

    def action(self, observation: Values) -> Action:
        return np.asarray(observation["observation.state"]) + np.float32(1)

    def disconnect(self) -> None:
        self.closed += 1


class Sink:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add_frame(self, key: str, frame: CameraFrame) -> None: ...

    def add_row(self, row: Row, camera_states: Mapping[str, str]) -> None:
        self.rows.append(row)


def record(arm: Arm, rows: int, fps: float = 200) -> tuple[list[Row], ControlLoop]:
    """Run until so many rows are there, or the loop has failed."""
    loop = ControlLoop(arm, arm, [], fps)
    sink = Sink()
    loop.swap_sink(sink)
    loop.start()
    end = time.monotonic() + 60
    while len(sink.rows) < rows and loop.failure is None and time.monotonic() < end:
        time.sleep(0.002)
    assert loop.stop()
    return sink.rows, loop


def test_it_writes_what_was_seen_and_what_was_really_sent() -> None:
    rows, loop = record(Arm([1, 2], [3, 9]), 2)
    assert [np.asarray(row.values["observation.state"]).tolist() for row in rows[:2]] == [[1, 2], [3, 9]]
    assert [np.asarray(row.values["action"]).tolist() for row in rows[:2]] == [[2, 3], [4, 5]]
    assert [row.tick for row in rows] == list(range(len(rows)))
    assert len(loop.telemetry) >= 2


def test_it_keeps_what_was_requested_too_though_the_robot_changes_what_it_gets() -> None:
    class InPlace(Arm):
        def act(self, action: Action) -> Action:
            return np.minimum(action, 5, out=action)

    rows, _ = record(InPlace([1, 2], [3, 9]), 2)
    assert [np.asarray(row.values["action/requested"]).tolist() for row in rows[:2]] == [[2, 3], [4, 10]]
    assert [np.asarray(row.values["action"]).tolist() for row in rows[:2]] == [[2, 3], [4, 5]]


def test_it_keeps_time_by_the_monotonic_clock() -> None:
    rows, loop = record(Arm(), 40, fps=100)
    steps = np.diff([row.monotonic_ns for row in rows])
    assert np.median(steps) == pytest.approx(10_000_000, rel=0.2)
    assert loop.counters().ticks >= 40


def test_it_is_not_moved_by_a_jump_of_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    real, jump = time.time_ns, iter([0, 3_600, -86_400] * 1000)
    monkeypatch.setattr("robotdata.capture.clock.wall_ns", lambda: real() + next(jump) * 1_000_000_000)
    rows, _ = record(Arm(), 20, fps=100)
    assert (np.diff([row.monotonic_ns for row in rows]) > 0).all()
    assert np.ptp([row.monotonic_ns for row in rows]) < 3_000_000_000


class LateClock:
    """A clock that stands still but for the waits of a loop at 10 Hz; the tick `late` comes 60 ms after its time."""

    SPIN_NS = 0
    pause, monotonic, wall_ns = staticmethod(time.sleep), staticmethod(time.monotonic), staticmethod(time.time_ns)

    def __init__(self, late: int, last: int) -> None:
        self.now, self.ticks, self.late, self.last = 0, 0, late, last
        self.reached, self.go_on = threading.Event(), threading.Event()

    def monotonic_ns(self) -> int:
        return self.now

    def sleep_until(self, deadline_ns: int, *, spin_ns: int = 0) -> None:
        if self.ticks == self.last:
            self.reached.set()
            self.go_on.wait(60)
        self.ticks += 1
        self.now = deadline_ns + 60_000_000 * (self.ticks == self.late)


@pytest.mark.parametrize("late", [31, 50])
def test_one_late_tick_is_no_other_rate(monkeypatch: pytest.MonkeyPatch, late: int) -> None:
    """The first or the last of the two seconds over which the rate is measured."""
    clock = LateClock(late, 50)
    monkeypatch.setattr("robotdata.capture.loop.clock", clock)
    arm = Arm()
    loop = ControlLoop(arm, arm, [], 10)
    loop.start()
    assert clock.reached.wait(60)
    assert loop.counters().ticks == 50
    assert loop.counters().fps == 10
    clock.go_on.set()
    assert loop.stop()


@pytest.mark.parametrize("ticks", [3, 25])
def test_it_says_what_each_device_takes_of_a_tick(monkeypatch: pytest.MonkeyPatch, ticks: int) -> None:
    """By a clock that only the devices move; the second before the last ten ticks is forgotten."""
    clock = LateClock(0, ticks)
    monkeypatch.setattr("robotdata.capture.loop.clock", clock)

    class Slow(Arm):
        def observe(self) -> Values:
            clock.now += 40_000_000 if clock.ticks < ticks else 70_000_000
            return super().observe()

        def act(self, action: Action) -> Action:
            clock.now += 10_000_000
            return super().act(action)

    class Leader(Arm):
        def action(self, observation: Values) -> Action:
            clock.now += 20_000_000
            return super().action(observation)

    loop = ControlLoop(Slow(), Leader(), [], 10)
    assert loop.times.percentiles_ms() == {}
    loop.start()
    assert clock.reached.wait(60)
    times = loop.times.percentiles_ms()
    assert {part: p50 for part, (p50, _) in times.items()} == {
        "observe": 40, "teleoperate": 20, "act": 10, "cameras": 0, "wait": 30
    }  # fmt: skip
    assert times["observe"][1] == pytest.approx(70, rel=0.05)
    clock.go_on.set()
    assert loop.stop()


def test_it_says_which_ticks_it_missed() -> None:
    class Slow(Arm):
        def observe(self) -> Values:
            time.sleep(0.025)
            return super().observe()

    rows, loop = record(Slow(), 10, fps=100)
    assert loop.counters().dropped_ticks >= 10
    assert [row.tick for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ([1.0], "observe returns 1 value for observation.state; its features declare 2 values of float32"),
        ([1.0, float("nan")], "observe returns nan for b of observation.state, which float32 cannot hold"),
        (DeviceError("bus error"), "bus error"),
        ([], "returns 0 values"),
        (KeyError("motor 3"), "observe has raised KeyError: 'motor 3'"),
        (SystemExit(2), "observe has raised SystemExit: 2"),
    ],
)
def test_it_ends_at_the_tick_at_which_the_robot_fails(step: object, said: str) -> None:
    arm = Arm([1, 1], [2, 2], step)
    rows, loop = record(arm, 99)
    assert len(rows) == 2 and not loop.running
    assert loop.failure is not None and loop.failure.device_name == "robot" and said in loop.failure.reason
    assert arm.closed == 2  # as robot and as teleoperator


def test_it_lets_go_of_the_devices_when_the_program_itself_fails() -> None:
    class Broken(Sink):
        def add_row(self, row: Row, camera_states: Mapping[str, str]) -> None:
            raise ZeroDivisionError("a mistake of ours")

    arm = Arm()
    loop = ControlLoop(arm, arm, [], 200)
    loop.swap_sink(Broken())
    loop.start()
    end = time.monotonic() + 60
    while not loop.ended and time.monotonic() < end:
        time.sleep(0.002)
    assert loop.failure is not None and loop.failure.device_name == "rig" and "a mistake of ours" in loop.failure.reason
    assert arm.closed == 2 and not loop.running


def test_it_keeps_the_values_of_a_device_that_uses_its_buffer_again() -> None:
    class Thrifty(Arm):
        buffer = np.zeros(2, np.float32)

        def observe(self) -> Values:
            self.buffer += 1
            return {"observation.state": self.buffer}

        def action(self, observation: Values) -> Action:
            return self.buffer

        def act(self, action: Action) -> Action:
            return self.buffer

    rows, _ = record(Thrifty(), 5)
    for name in ("observation.state", "action"):
        assert [float(np.asarray(row.values[name])[0]) for row in rows[:5]] == [1, 2, 3, 4, 5]


def test_it_has_no_row_in_the_old_take_after_the_swap() -> None:
    arm, old, new = Arm(), Sink(), Sink()
    loop = ControlLoop(arm, arm, [], 240)
    loop.swap_sink(old)
    loop.start()
    time.sleep(0.05)
    loop.swap_sink(new)
    count = len(old.rows)
    time.sleep(0.05)
    assert loop.stop()
    assert len(old.rows) == count
    assert [row.tick for row in new.rows] == list(range(len(new.rows)))


def test_a_leader_with_its_joints_in_another_order_moves_the_right_ones() -> None:
    class Leader(Arm):
        features = {"action": {**FEATURE, "names": ["b", "a"]}}

        def action(self, observation: Values) -> Action:
            return np.array([2, 1], np.float32)

    robot, sink = Arm(), Sink()
    loop = ControlLoop(robot, Leader(), [], 200)
    loop.swap_sink(sink)
    loop.start()
    end = time.monotonic() + 60
    while not sink.rows and loop.failure is None and time.monotonic() < end:
        time.sleep(0.002)
    assert loop.stop() and np.asarray(sink.rows[0].values["action"]).tolist() == [1, 2]


def test_a_leader_with_other_joints_is_refused() -> None:
    class Leader(Arm):
        features = {"action": {**FEATURE, "names": ["a", "c"]}}

    with pytest.raises(ConfigError, match=r"gives a, c; the robot takes a, b"):
        ControlLoop(Arm(), Leader(), [], 200)
