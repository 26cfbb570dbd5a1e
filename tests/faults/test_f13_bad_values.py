"""F13: The robot returns too few values, or none: the take ends and names what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from robotdata.spool import Take
from tests.rig.conftest import Bench, until

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"observation.state": np.zeros(5, np.float32)}, "observation.state"),
        ({}, "observation.state"),
    ],
    ids=["five of six", "nothing"],
)
def test_it_ends_the_take_before_the_bad_row_and_names_the_value(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], words: str
) -> None:
    bench = make_bench()
    robot = bench.machine.rig.loop._robot.driver
    bench.do("record")
    bench.ticks(6)
    monkeypatch.setattr(robot, "observe", lambda: answer)
    until(lambda: bench.machine.take is None and bench.ended())
    manifest = bench.ended()[0]
    assert words in (bench.machine.message or "")
    with Take.open(bench.spool / manifest["id"]) as take:
        state = take.signal("observation.state")
        assert len(state) == manifest["ticks"] >= 6
        assert np.isfinite(state).all() and (np.abs(np.diff(state, axis=0)) < 20).all(), "not shifted"
