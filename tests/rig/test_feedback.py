"""A leader gets what the robot observed; one that fails at it is a warning, and the take continues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rig.conftest import until
from tests.support.faulty import FaultyRig, FaultyTeleoperator, raises


class FeltTeleoperator(FaultyTeleoperator):
    def feedback(self, observation: Any) -> None:
        self._script.step("teleoperator", "feedback", np.array(observation["observation.state"]))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[FaultyRig]:
    rig = FaultyRig(tmp_path / "spool", ticked=True)
    rig.machine.rig.loop._teleoperators[0].driver.__class__ = FeltTeleoperator
    yield rig
    rig.script.heal()
    rig.machine.stop()


def warnings(rig: FaultyRig) -> list[str]:
    return [each["text"] for each in rig.status()["warnings"] if each["code"] == "feedback"]


def test_it_gets_each_observation_after_the_action_was_sent(rig: FaultyRig) -> None:
    felt: list[float] = []
    rig.script.faults["teleoperator", "feedback"] = lambda state: felt.append(float(state[0]))
    rig.machine.start()
    until(lambda: len(felt) > 5)
    seen = list(felt)
    assert seen == list(range(1, len(seen) + 1)), "the state says how often the robot was asked"
    tick = [step for step in rig.script.asked if step[1] in ("observe", "action", "act", "feedback")]
    order = [("robot", "observe"), ("teleoperator", "action"), ("robot", "act"), ("teleoperator", "feedback")]
    assert tick[:8] == order * 2
    assert warnings(rig) == []


def test_a_failure_is_a_warning_and_the_take_continues(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    rig.record()
    rig.script.faults["teleoperator", "feedback"] = raises(lambda: OSError("motor 3 is too hot"))
    until(lambda: warnings(rig))
    assert "motor 3 is too hot" in warnings(rig)[0]
    count, ticks = rig.script.count("teleoperator", "feedback"), rig.machine.take.ticks  # type: ignore[union-attr]
    until(lambda: rig.machine.take is not None and rig.machine.take.ticks > ticks + 10)
    assert rig.script.count("teleoperator", "feedback") == count, "it gets no more"
    assert rig.status()["state"] == "recording"


def test_it_is_given_again_to_a_device_that_was_connected_again(rig: FaultyRig) -> None:
    rig.script.faults["teleoperator", "feedback"] = raises(lambda: OSError("busy"))
    rig.machine.start()
    until(lambda: warnings(rig))
    rig.do("emergency_stop")
    rig.until("error")
    rig.script.heal()
    rig.do("clear_error")
    rig.idle()
    count = rig.script.count("teleoperator", "feedback")
    until(lambda: rig.script.count("teleoperator", "feedback") > count)
    assert warnings(rig) == []
