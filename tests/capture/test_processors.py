"""Processors around a robot and its teleoperators, whatever kind they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.errors import CaptureError, ConfigError, DeviceError
from robotdata.capture.registry import Registry
from robotdata.rig.rig import Rig

JOINTS = ["a.pos", "b.pos"]


class Arm:
    """A robot that clips at 10, and notes what it is told."""

    robot_type = "arm"

    def __init__(self) -> None:
        feature = {"dtype": "float32", "shape": [2], "names": JOINTS}
        self.features = {"action": feature, "observation.state": feature}
        self.got: list[list[float]] = []
        self.calls: list[str] = []

    def connect(self) -> None:
        self.calls.append("connect")

    def observe(self) -> dict[str, Any]:
        return {"observation.state": np.array([1, 2], np.float32)}

    def act(self, action: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.got.append(action.tolist())
        return np.clip(action, -10, 10)

    def emergency_stop(self) -> None:
        self.calls.append("emergency_stop")

    def disconnect(self) -> None:
        self.calls.append("disconnect")


class Leader:
    """A teleoperator of these joints, all of which are at 4."""

    def __init__(self, names: list[str]) -> None:
        self.features = {"action": {"dtype": "float32", "shape": [len(names)], "names": names}}
        self._count = len(names)

    def connect(self) -> None: ...

    def action(self, observation: Any) -> np.ndarray[Any, Any]:
        return np.full(self._count, 4, np.float32)

    def disconnect(self) -> None: ...


class Times:
    """Multiplies every number, and adds the robot's a.pos if asked."""

    def __init__(self, factor: float, adds: bool) -> None:
        self.factor, self.adds, self.resets = factor, adds, 0

    def transform(self, features: Mapping[str, Any], observation: Mapping[str, Any]) -> Mapping[str, Any]:
        return features

    def process(self, values: Mapping[str, Any], observation: Mapping[str, Any]) -> Mapping[str, Any]:
        more = observation["a.pos"] if self.adds else 0
        return {name: value * self.factor + more for name, value in values.items()}

    def reset(self) -> None:
        self.resets += 1


class Bench:
    """A rig of an Arm, whose parts a test can look at."""

    def __init__(self, spool: Path, processors: list[dict[str, Any]], leaders: dict[str, list[str]]) -> None:
        self.arm, self.steps = Arm(), []
        registry = Registry()
        registry.add("robot", "arm", lambda context, options: self.arm)
        registry.add("teleoperator", "leader", lambda context, options: Leader(options.texts("joints")))
        registry.add("processor", "times", self.make)
        tables: dict[str, Any] = {"rig": {"name": "bench"}, "robot": {"kind": "arm"}, "processor": processors}
        made = {name: {"kind": "leader", "joints": joints} for name, joints in leaders.items()}
        tables |= {"teleoperator": made[""]} if "" in made else {"teleoperators": made}
        self.rig = Rig(parse_config(tables, "bench.toml"), spool, registry=registry)
        self.robot = self.rig.loop._robot.driver
        self.teleoperators = [each.driver for each in self.rig.loop._teleoperators]

    def make(self, context: Any, options: Any, place: str) -> Times:
        self.steps.append(Times(options.number("factor", 1, low=-1e9, high=1e9), options.flag("adds")))
        return self.steps[-1]


def times(at: str, factor: float = 1, **keys: Any) -> dict[str, Any]:
    return {"kind": "times", "at": at, "factor": factor, **keys}


def test_each_place_has_its_own_steps_in_the_order_of_the_file(tmp_path: Path) -> None:
    steps = [
        times("robot", 5),
        times("teleoperator", 2, adds=True),
        times("teleoperator", 0.5),
        times("observation", 3),
    ]
    bench = Bench(tmp_path, steps, {"": JOINTS})
    observation = bench.robot.observe()
    assert observation["observation.state"].tolist() == [3, 6]
    action = bench.teleoperators[0].action(observation)
    assert action.tolist() == [4.5, 4.5], "(4 * 2 + 1) / 2, by what the driver observed and not by what is recorded"
    assert bench.robot.act(action).tolist() == [10, 10] and bench.arm.got == [[22.5, 22.5]]


def test_what_is_no_number_never_reaches_the_robot(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [times("robot")], {"": JOINTS})
    bench.robot.observe()
    bench.steps[0].factor = math.nan
    with pytest.raises(DeviceError, match=r"processor\[1\] \(times\) returns nan for 'a.pos', want a finite number"):
        bench.robot.act(np.ones(2, np.float32))
    bench.steps[0].factor = 1e39
    with pytest.raises(DeviceError, match="returns 1e\\+39 for 'a.pos'"):
        bench.robot.act(np.ones(2, np.float32))
    assert bench.arm.got == []


PUSHED = {"a": {"low": -10, "high": 10}, "b": {"low": -10, "high": 10}}


class Feeling(Leader):
    def feedback(self, observation: Any) -> None: ...


@pytest.mark.parametrize(
    ("at", "tables", "words"),
    [
        ("robot", {"robot": {"kind": "arm", "on_end": "rest", "rest": {"a.pos": 0}}}, "robot.rest: cannot be used"),
        ("observation", {"robot": {"kind": "arm", "on_end": "rest", "rest": {"a.pos": 0}}}, "robot.rest: cannot be"),
        (
            "observation",
            {"teleoperator": {"kind": "browser", "joints": PUSHED}},
            "teleoperator: needs the robot's own observation",
        ),
        ("observation", {"teleoperator": {"kind": "feeling"}}, "teleoperator: needs the robot's own observation"),
    ],
)
def test_what_compares_poses_in_the_robots_own_values_is_refused(
    tmp_path: Path, at: str, tables: dict[str, Any], words: str
) -> None:
    registry = Registry()
    registry.add("robot", "arm", lambda context, options: Arm())
    registry.add("teleoperator", "leader", lambda context, options: Leader(JOINTS))
    registry.add("teleoperator", "feeling", lambda context, options: Feeling(JOINTS))
    registry.add("processor", "times", lambda context, options, place: Times(options.number("factor"), False))
    rig = {"rig": {"name": "bench"}, "robot": {"kind": "arm"}, "teleoperator": {"kind": "leader"}, **tables}
    with pytest.raises(ConfigError, match=words):
        Rig(parse_config({**rig, "processor": [times(at, 2)]}, "bench.toml"), tmp_path, registry=registry)


def test_a_processor_that_does_not_name_what_it_returns_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Times, "transform", lambda self, features, observation: None)
    with pytest.raises(ConfigError, match="says as a NoneType what it returns"):
        Bench(tmp_path, [times("teleoperator")], {"": JOINTS})


def test_a_stop_goes_straight_to_the_driver_and_a_connection_begins_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [times("robot")], {"": JOINTS})
    bench.robot.connect()
    bench.robot.emergency_stop()
    bench.robot.disconnect()
    assert bench.arm.calls == ["connect", "emergency_stop", "disconnect"] and bench.steps[0].resets == 1
    assert not hasattr(bench.robot, "events")


def test_one_of_several_teleoperators_has_processors_of_its_own(tmp_path: Path) -> None:
    leaders = {"left": ["b.pos"], "right": ["a.pos"]}
    bench = Bench(tmp_path, [times("teleoperator", 2, teleoperator="right")], leaders)
    bench.robot.observe()
    assert [each.action({}).tolist() for each in bench.teleoperators] == [[4], [8]]


@pytest.mark.parametrize(
    ("processors", "leaders", "words"),
    [
        ([times("teleoperator")], {"left": ["b.pos"], "right": ["a.pos"]}, "processor\\[1\\].teleoperator: is missing"),
        ([times("robot", near=1)], {"": JOINTS}, "bench.toml: processor\\[1\\].near: unknown key"),
        ([times("robot", teleoperator="left")], {"": JOINTS}, "processor\\[1\\].teleoperator: unknown key"),
        ({"kind": "times"}, {"": JOINTS}, "bench.toml: processor: want tables \\[\\[processor\\]\\]"),
    ],
)
def test_a_table_that_is_wrong_is_refused(tmp_path: Path, processors: Any, leaders: Any, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        Bench(tmp_path, processors, leaders)
