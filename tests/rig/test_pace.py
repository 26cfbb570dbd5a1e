"""The state machine looks at its devices rarely; what a device asks for and the end of a timer do not wait for that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from robotdata.capture import sim
from robotdata.rig import machine as machines
from robotdata.rig.states import State
from tests.rig.conftest import Bench, until


@pytest.fixture
def rarely(make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, list[str]]:
    """A machine that looks once an hour, and the events that its robot is going to give."""
    waiting: list[str] = []
    monkeypatch.setattr(sim.SimRobot, "events", lambda robot: [waiting.pop()] if waiting else [], raising=False)
    bench = make_bench()
    bench.idle()
    pace, waits = bench.machine._pace, [0.0]
    real = pace.wait

    def wait(step_s: float, ends_at: float | None) -> None:
        waits.append(step_s)
        real(step_s, ends_at)

    monkeypatch.setattr(pace, "wait", wait)
    monkeypatch.setattr(machines, "_STEP_S", 3600.0)
    monkeypatch.setattr(machines, "_IDLE_STEP_S", 3600.0)
    until(lambda: waits[-1] == 3600)
    return bench, waiting


def test_a_pedal_ends_the_take_at_once(rarely: tuple[Bench, list[str]]) -> None:
    bench, waiting = rarely
    bench.do("record")
    bench.ticks(3)
    waiting.append("stop")
    until(lambda: bench.ended())
    assert bench.ended()[0]["end_reason"] == "stop"


def test_a_timer_ends_in_time(rarely: tuple[Bench, list[str]]) -> None:
    bench, _ = rarely
    bench.do("record", episode_s=0.3)
    until(lambda: bench.ended())
    assert bench.ended()[0]["end_reason"] == "timer"


def test_an_emergency_stop_is_shown_at_once(rarely: tuple[Bench, list[str]]) -> None:
    bench, _ = rarely
    bench.machine.emergency_stop()
    until(lambda: bench.machine.state == State.ERROR)
