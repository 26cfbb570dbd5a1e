"""What a rig's devices do in the reset phase, and what its status says of the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robotdata.rig.status import Reporter
from tests.rig.conftest import Bench, until
from tests.support.faulty import FaultyRig, FaultyRobot, raises

REST = {"shoulder_pan.pos": 5.0, "gripper.pos": 40.0}


def pose(bench: Bench) -> np.ndarray:
    return bench.machine.rig.loop.telemetry[-1][2]


def is_at_rest(bench: Bench) -> bool:
    names = bench.machine.rig.features["action"]["names"]
    return all(abs(pose(bench)[names.index(name)] - value) < 1e-3 for name, value in REST.items())


def test_the_robot_rests_while_the_scene_is_reset(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(robot={"reset": "rest", "rest": REST, "rest_speed": 10_000})
    for begin in ("record", "finish_reset"):
        bench.do(begin, **({"reset_s": 60} if begin == "record" else {}))
        bench.ticks(5)
        bench.do("stop")
        until(lambda: is_at_rest(bench))
    bench.do("pause")
    count = len(bench.machine.rig.loop.telemetry)
    until(lambda: len(bench.machine.rig.loop.telemetry) > count + 5)
    assert is_at_rest(bench), "a pause is part of the reset phase"
    bench.do("resume")
    bench.do("cancel")
    until(lambda: not is_at_rest(bench))


def test_the_robot_rests_before_it_is_disconnected(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(robot={"on_end": "rest", "rest": REST, "rest_speed": 300})
    assert Reporter(bench.machine).status()["on_end"] == "rest"
    shared = bench.machine.rig.loop._robot.driver._shared
    assert bench.machine.stop()
    names = bench.machine.rig.features["action"]["names"]
    assert all(abs(shared.world.scene.joints[names.index(name)] - value) < 2 for name, value in REST.items())


def test_a_driver_that_says_nothing_of_the_end_is_not_spoken_for(bench: Bench) -> None:
    assert Reporter(bench.machine).status()["on_end"] == ""


def test_the_robot_goes_slowly_to_its_teleoperator_when_it_is_connected(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(robot={"approach_speed": 0.5})
    status = Reporter(bench.machine).status()
    (warning,) = [each for each in status["warnings"] if each["code"] == "approach"]
    assert status["approach_speed"] == 0.5 and "0.5 a second at most" in warning["text"]


def test_a_robot_without_a_limit_follows_at_once(bench: Bench) -> None:
    assert Reporter(bench.machine).status()["approach_speed"] == 0
    assert bench.machine.rig.loop.steering.approaching is None


class ToldRobot(FaultyRobot):
    def end_take(self) -> None:
        self._script.step("robot", "end_take")

    def reset(self) -> None:
        self._script.step("robot", "reset")


@pytest.mark.parametrize("method", ["end_take", "reset"])
@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_a_robot_that_fails_between_takes_is_named_and_the_take_is_kept(tmp_path: Path, method: str, how: str) -> None:
    rig = FaultyRig(tmp_path / "spool", ticked=True, answer_s=0.5)
    rig.machine.rig.loop._robot.driver.__class__ = ToldRobot
    rig.machine.start()
    rig.idle()
    rig.script.faults["robot", method] = rig.script.hangs() if how == "hangs" else raises(lambda: OSError("no power"))
    rig.record_with(reset_s=60.0)
    until(lambda: rig.machine.take is not None and rig.machine.take.ticks > 2)
    rig.do("stop")
    error = rig.until("error")["error"]
    assert error["device"] == "robot" and method in error["reason"]
    assert rig.take(0).manifest["end_reason"] == "stop"
    rig.script.heal()
    until(lambda: rig.machine.rig.loop.ended)
    assert rig.script.count("robot", "disconnect") == 1
    assert rig.stop()
