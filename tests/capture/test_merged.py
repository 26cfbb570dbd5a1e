"""Several teleoperators drive one robot, each its own joints, matched by name."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from robotdata.capture.config import parse_config
from robotdata.capture.devices import Action, Values
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.loop import ControlLoop


def joints(*names: str) -> dict[str, Any]:
    return {"dtype": "float32", "shape": [len(names)], "names": list(names)}


class Source:
    """Gives 1, 2, 3 ... for its joints; fails when `broken`."""

    def __init__(self, *names: str, first: int = 1) -> None:
        if names:
            self.features = {"action": joints(*names)}
        self.values = np.arange(first, first + len(names), dtype=np.float32)
        self.broken, self.connected = False, False

    def connect(self) -> None:
        self.connected = True

    def action(self, observation: Values) -> Action:
        if self.broken:
            raise DeviceError("cable")
        return self.values

    def disconnect(self) -> None:
        self.connected = False


class Robot(Source):
    robot_type = "mobile arm"

    def __init__(self) -> None:
        super().__init__()
        self.features = {"action": joints("pan", "x", "lift", "y"), "observation.state": joints("pan")}
        self.sent: list[list[float]] = []

    def observe(self) -> Values:
        return {"observation.state": np.zeros(1, np.float32)}

    def act(self, action: Action) -> Action:
        self.sent.append(action.tolist())
        return action


def until(true: Any) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_each_joint_gets_the_value_of_the_one_that_has_it() -> None:
    robot = Robot()
    loop = ControlLoop(robot, {"arm": Source("lift", "pan"), "base": Source("y", "x", first=10)}, [], 200)
    loop.start()
    until(lambda: robot.sent)
    assert loop.stop() and robot.sent[0] == [2, 11, 1, 10]


def test_the_one_that_fails_is_named_and_all_are_disconnected() -> None:
    robot, arm, base = Robot(), Source("lift", "pan"), Source("x", "y")
    loop = ControlLoop(robot, {"arm": arm, "base": base}, [], 200)
    loop.start()
    until(lambda: robot.sent)
    base.broken = True
    until(lambda: loop.ended)
    assert loop.failure is not None and loop.failure.device_name == "teleoperator base"
    assert not (arm.connected or base.connected or robot.connected)


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (
            {"arm": ("lift", "pan"), "base": ("x",)},
            "not the robot's: arm gives lift, pan; base gives x; the robot takes",
        ),
        ({"arm": ("lift", "pan", "x"), "base": ("x", "y")}, "two of them have x: arm gives .* base gives x, y"),
        ({"arm": ("lift", "pan"), "base": ("x", "z")}, "not the robot's.*the robot takes pan, x, lift, y"),
        ({"arm": ("lift", "pan"), "base": ()}, r"teleoperators\.base: does not name its joints"),
    ],
)
def test_joints_that_do_not_make_up_the_robots_are_refused(sources: dict[str, tuple[str, ...]], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ControlLoop(Robot(), {name: Source(*names) for name, names in sources.items()}, [], 200)


def read(**tables: Any) -> Any:
    return parse_config({"rig": {"name": "r"}, "robot": {"kind": "x"}, **tables}, "test")


def test_the_rig_file_names_them() -> None:
    config = read(teleoperators={"arm": {"kind": "lerobot", "port": "A"}, "base": {"kind": "keys"}})
    assert {name: each.kind for name, each in config.teleoperators.items()} == {"arm": "lerobot", "base": "keys"}
    assert list(read(teleoperator={"kind": "autopilot"}).teleoperators) == [""]


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"teleoperators": {"a": {"kind": "x"}}, "teleoperator": {"kind": "x"}}, "remove one of the two"),
        ({"teleoperators": {}}, "has 0 tables"),
        ({"teleoperators": {"a b": {"kind": "x"}}}, "want a name"),
        ({"teleoperators": {"a": {}}}, r"teleoperators\.a\.kind: is missing"),
    ],
)
def test_a_file_that_names_them_wrongly_is_refused(tables: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read(**tables)
