"""Commands that were long on their way: the rig obeys those that calm it, and none that could move the robot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from robotdata.rig.protocol import Command, CommandRefused
from robotdata.rig.states import CONTROLS, END_SESSION, State
from tests.rig.conftest import Bench

RESTING = {"reset": "rest", "rest": {"shoulder_pan.pos": 5.0, "gripper.pos": 40.0}, "rest_speed": 30}


def late(bench: Bench, name: str, **args: Any) -> str:
    """Do a command that was a minute on its way; return the code of its refusal, empty if it was obeyed."""
    try:
        bench.machine.execute(Command(f"late {name} in {bench.machine.state}", name, args, way_s=60.0))
    except CommandRefused as refusal:
        return refusal.code
    return ""


def moves_nothing_late(bench: Bench, state: State) -> None:
    names = [*(name for name in CONTROLS[state] if name not in ("pause", "annotate")), END_SESSION]
    assert {name: late(bench, name, session="s") for name in names} == dict.fromkeys(names, "late")
    assert bench.machine.state == state


def test_no_late_command_sends_the_robot_from_its_rest_pose_to_the_teleoperator(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(robot=RESTING)
    bench.do("record", session="s", reset_s=600)
    bench.ticks(3)
    bench.do("stop")
    moves_nothing_late(bench, State.RESETTING)
    assert late(bench, "pause") == "", "the next take can be kept away"
    moves_nothing_late(bench, State.PAUSED)
    bench.do("end_session", session="s")
    bench.idle()


def test_a_late_stop_does_not_send_the_robot_to_its_rest_pose(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(robot=RESTING)
    bench.do("record", reset_s=600)
    bench.ticks(3)
    assert bench.machine.take is not None
    assert [late(bench, name, take=bench.machine.take.id) for name in ("stop", "discard")] == ["late", "late"]
    bench.do("rerecord")
    assert bench.machine.state == State.RECORDING


@pytest.mark.parametrize("name", ["stop", "discard"])
def test_a_late_command_ends_the_take_that_it_names_and_no_other(bench: Bench, name: str) -> None:
    bench.do("record", reset_s=600)
    bench.ticks(3)
    assert bench.machine.take is not None
    assert late(bench, name) == "late"
    assert bench.machine.state == State.RECORDING
    bench.machine.execute(Command("named", name, {"take": bench.machine.take.id}, way_s=60.0))
    assert bench.machine.state == State.RESETTING


@pytest.mark.parametrize("name", ["cancel", "discard", "pause"])
def test_a_take_that_has_not_begun_is_called_off_however_late(bench: Bench, name: str) -> None:
    bench.do("record", countdown_s=60)
    assert late(bench, name) == ""
    assert bench.machine.state == (State.PAUSED if name == "pause" else State.IDLE)


def test_a_late_pause_keeps_the_next_take_away(bench: Bench) -> None:
    bench.do("record", reset_s=0)
    bench.ticks(3)
    assert late(bench, "pause") == ""
    bench.do("stop")
    assert bench.machine.state == State.PAUSED


def test_a_late_cancel_gives_a_test_recording_up(bench: Bench) -> None:
    bench.do("preflight", seconds=10)
    assert late(bench, "cancel") == ""
    assert bench.machine.state == State.IDLE
