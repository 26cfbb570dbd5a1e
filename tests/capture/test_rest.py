"""A robot goes to its rest pose slowly at a normal end and in a reset phase, and never after a failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.devices import Action, Values
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.loop import ControlLoop
from robotdata.capture.rest import Rest

FPS, SPEED = 200, 1000.0
STEP = SPEED / FPS + 1e-4
JOINTS = {"dtype": "float32", "shape": [2], "names": ["a", "b"]}


class Arm:
    """An arm that is where it was sent; its leader is at (50, 50). `asked` are the methods and actions, in order."""

    robot_type = "arm"
    features: dict[str, Any] = {"action": JOINTS, "observation.state": {**JOINTS, "names": ["b", "a"]}}

    def __init__(self) -> None:
        self.pose = np.array([50, 50], np.float32)
        self.asked: list[str] = []
        self.sent: list[list[float]] = []
        self.broken = False

    def connect(self) -> None:
        self.asked.append("connect")

    def observe(self) -> Values:
        if self.broken:
            raise DeviceError("no power")
        return {"observation.state": self.pose[::-1]}

    def action(self, observation: Values) -> Action:
        return np.array([50, 50], np.float32)

    def act(self, action: Action) -> Action:
        self.pose = action.copy()
        self.sent.append(action.tolist())
        return action

    def begin_take(self) -> None:
        self.asked.append("begin_take")

    def end_take(self) -> None:
        self.asked.append("end_take")

    def reset(self) -> None:
        self.asked.append("reset")

    def disconnect(self) -> None:
        self.asked.append("disconnect")


class Leader(Arm):
    features: dict[str, Any] = {"action": JOINTS}


class Sink:
    def __init__(self) -> None:
        self.rows: list[Any] = []

    def add_frame(self, key: str, frame: Any) -> None: ...

    def add_row(self, row: Any, states: Any) -> None:
        self.rows.append(row)


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def started(arm: Arm, *, at_end: bool = False, at_reset: bool = False, joints: dict[str, float] | None = None) -> Any:
    rest = Rest(joints or {"a": 0.0}, SPEED, at_end, at_reset)
    leader = Leader()
    leader.features = {"action": arm.features["action"]}
    loop = ControlLoop(arm, leader, [], FPS, rest=rest)
    loop.start()
    until(lambda: arm.sent)
    return loop


def steps(arm: Arm) -> float:
    return float(np.abs(np.diff(np.array(arm.sent), axis=0)).max())


def test_it_goes_to_its_rest_pose_slowly_before_it_is_disconnected() -> None:
    arm = Arm()
    loop = started(arm, at_end=True)
    assert loop.stop()
    assert arm.sent[-1] == [0, 50], "b, which the pose does not name, stays"
    assert steps(arm) <= STEP and arm.asked[-1] == "disconnect"


class Mobile(Arm):
    """An arm on a base that drives at 50; it observes how quickly."""

    features: dict[str, Any] = {
        "action": {**JOINTS, "names": ["a", "x.vel"]},
        "observation.state": {**JOINTS, "names": ["x.vel", "a"]},
    }


def test_a_base_stands_still_from_the_first_step_to_the_rest_pose_on() -> None:
    arm = Mobile()
    loop = started(arm, at_end=True)
    assert loop.stop()
    assert arm.sent[-1] == [0, 0] and {speed for pose, speed in arm.sent if pose != 50} == {0}


def test_a_base_stands_still_while_the_scene_is_reset_and_follows_again_after_it() -> None:
    arm = Mobile()
    loop = started(arm, at_reset=True)
    loop.begin_reset()
    until(lambda: arm.sent[-1] == [0, 0])
    assert {speed for pose, speed in arm.sent if pose != 50} == {0}
    loop.end_reset()
    until(lambda: arm.sent[-1] == [50, 50])
    assert loop.stop()


def test_a_rest_pose_names_no_speeds() -> None:
    with pytest.raises(ConfigError, match=r"x\.vel.* is a speed"):
        robot(on_end="rest", rest={"a": 1, "x.vel": 0.1})


def test_it_stays_where_it_is_when_only_a_reset_moves_it() -> None:
    arm = Arm()
    assert started(arm, at_reset=True).stop()
    assert arm.sent[-1] == [50, 50]


@pytest.mark.parametrize("how", ["failure", "emergency"])
def test_it_does_not_move_after_a_failure_or_an_emergency_stop(how: str) -> None:
    arm = Arm()
    loop = started(arm, at_end=True)
    if how == "failure":
        arm.broken = True
    else:
        loop.emergency_stop()
    until(lambda: loop.ended)
    assert loop.stop() and arm.sent[-1] == [50, 50] and arm.asked[-1] == "disconnect"


def test_an_emergency_stop_ends_the_way_to_the_rest_pose() -> None:
    arm = Arm()
    rest = Rest({"a": -1e6}, SPEED, at_end=True, at_reset=False)
    loop = ControlLoop(arm, Leader(), [], FPS, rest=rest)
    loop.start()
    until(lambda: arm.sent)
    loop._session.end()  # type: ignore[union-attr]
    until(lambda: arm.sent[-1][0] < 40)
    loop.emergency_stop()
    until(lambda: loop.ended)
    assert arm.sent[-1][0] > -1e6 and arm.asked[-1] == "disconnect"


class PedalArm(Arm):
    """Its pedal asks for an emergency stop once the arm is on its way."""

    def events(self) -> list[str]:
        return ["emergency_stop"] if self.sent and self.sent[-1][0] < 40 else []


def test_a_pedal_ends_the_way_to_the_rest_pose_before_the_next_action() -> None:
    arm = PedalArm()
    loop = started(arm, at_end=True)
    assert loop.stop() and loop.stopped
    assert 30 < arm.sent[-1][0] < 40 and arm.asked[-1] == "disconnect"


def test_it_rests_while_the_scene_is_reset_and_returns_as_slowly() -> None:
    arm = Arm()
    loop = started(arm, at_reset=True)
    loop.begin_reset()
    until(lambda: arm.sent[-1] == [0, 50])
    seen = len(arm.sent)
    until(lambda: len(arm.sent) > seen + 5)
    assert arm.sent[-1] == [0, 50], "it waits there"
    loop.end_reset()
    until(lambda: arm.sent[-1] == [50, 50])
    assert loop.stop() and steps(arm) <= STEP


def test_a_row_holds_what_was_requested_and_what_was_sent_on_the_way_back() -> None:
    arm, sink = Arm(), Sink()
    loop = started(arm, at_reset=True)
    loop.begin_reset()
    until(lambda: arm.sent[-1] == [0, 50])
    loop.end_reset()
    loop.swap_sink(sink)
    until(lambda: len(sink.rows) > 3)
    assert loop.stop()
    row = sink.rows[0]
    assert row.values["action/requested"].tolist() == [50, 50] and row.values["action"][0] < 50


def test_devices_are_told_of_takes_and_resets_in_order() -> None:
    arm = Arm()
    loop = started(arm, at_reset=True)
    loop.swap_sink(Sink())
    until(lambda: "begin_take" in arm.asked)
    loop.swap_sink(None)
    loop.begin_reset()
    until(lambda: "reset" in arm.asked)
    loop.swap_sink(Sink())
    until(lambda: arm.asked.count("begin_take") == 2)
    assert loop.stop()
    told = ["connect", "begin_take", "end_take", "reset", "begin_take", "disconnect"]
    assert arm.asked == told
    assert loop._teleoperators[0].driver.asked == told


def test_a_take_that_runs_at_the_end_is_ended_for_the_devices_too() -> None:
    arm = Arm()
    loop = started(arm, at_reset=True)
    loop.swap_sink(Sink())
    until(lambda: "begin_take" in arm.asked)
    loop.swap_sink(None)
    assert loop.stop() and arm.asked[-2:] == ["end_take", "disconnect"]


def test_a_take_that_a_failure_ended_is_not_ended_for_the_devices_once_they_connect_again() -> None:
    arm = Arm()
    loop = started(arm, at_reset=True)
    loop.swap_sink(Sink())
    until(lambda: "begin_take" in arm.asked)
    arm.broken = True
    until(lambda: loop.ended)
    loop.swap_sink(None)
    arm.broken = False
    seen = len(arm.sent)
    loop.start()
    until(lambda: len(arm.sent) > seen)
    assert loop.stop() and arm.asked == ["connect", "begin_take", "disconnect", "connect", "disconnect"]


def robot(**keys: Any) -> Any:
    return parse_config({"rig": {"name": "r"}, "robot": {"kind": "sim", **keys}, "teleoperator": {"kind": "x"}}, "t")


def test_the_rig_file_names_joints_speed_and_when() -> None:
    config = robot(on_end="rest", reset="rest", rest={"elbow.pos": 90, "wrist": {"pos": 3}}, rest_speed=12)
    assert config.rest == Rest({"elbow.pos": 90.0, "wrist.pos": 3.0}, 12.0, at_end=True, at_reset=True)
    assert config.robot.options.names() == []
    assert robot(on_end="hold").robot.options.names() == ["on_end"], "a driver's own choice"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"on_end": "rest"}, r"robot\.rest: is missing"),
        ({"reset": "rest"}, r"robot\.rest: is missing"),
        ({"rest": {"a": 1}}, "never used"),
        ({"rest": {"a": "b"}, "on_end": "rest"}, r"robot\.rest\.a: is 'b'"),
        ({"rest": {"a": 1}, "on_end": "rest", "rest_speed": 0}, "rest_speed"),
        ({"reset": "home"}, "one of rest"),
    ],
)
def test_a_rest_pose_that_cannot_be_used_is_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        robot(**keys)


def test_joints_that_the_robot_does_not_have_or_does_not_observe_are_refused() -> None:
    with pytest.raises(ConfigError, match="has no joint c; the robot's are a, b"):
        started(Arm(), joints={"c": 1.0}, at_end=True)
    blind = Arm()
    blind.features = {"action": JOINTS}
    with pytest.raises(ConfigError, match="has no a, b"):
        started(blind, at_end=True)
