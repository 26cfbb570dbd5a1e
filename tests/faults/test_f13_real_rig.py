"""F13: The robot of a real rig returns too few values, none, values that are not numbers, or answers a second late.

State n and action n + SENT belong to one tick, so a row that mixes two ticks would show.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import Take
from tests.recorder.sockets.conftest import Web
from tests.support.odd_devices import SENT
from tests.support.rigs import FRONT, RigProcess, new_dataset, running_odd, until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running_odd(web, tmp_path_factory.mktemp("rig")) as made:
        yield made


@pytest.fixture(scope="module")
def dataset(web: Web) -> str:
    return new_dataset(web, "Bad values")


def not_shifted(folder: Path) -> np.ndarray:
    """When each row began, in seconds; its state, action and picture are those of one tick."""
    with Take.open(folder) as take:
        state, action = take.signal("observation.state")[:, 0], take.signal("action")[:, 0]
        assert np.array_equal(take.column("tick"), np.arange(take.ticks))
        assert np.array_equal(action, state + SENT), "an action stands beside the state of another tick"
        assert np.array_equal(state, state[0] + np.arange(take.ticks)), "a tick is missing, or came twice"
        assert (np.diff(take.frame_index(FRONT)) >= 0).all()
        began = take.column("monotonic_ns")
        seen = take.column(f"{FRONT}/captured_ns")
        assert (np.diff(began) > 0).all() and (np.diff(seen) >= 0).all()
        return np.asarray(began, np.float64) / 1e9


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("five", "observe returns 5 values for observation.state; its features declare 6"),
        ("nothing", "observe returns no observation.state; its features declare 6"),
        ("nan", "observe returns nan for joint_2.pos of observation.state"),
        ("inf", "observe returns inf for joint_2.pos of observation.state"),
    ],
)
def test_it_ends_the_take_before_the_bad_row_and_names_the_value(
    rig: RigProcess, dataset: str, mood: str, words: str
) -> None:
    take = rig.record(dataset)
    rig.written(take, 6)
    rig.mood.write_text(f"{mood} once")
    manifest = rig.ended(take)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "robot_lost")
    until(lambda: rig.state == "error")
    assert f"Robot of rig {rig.name}: " in rig.message and words in rig.message
    assert "Check the robot, then clear the error" in rig.message
    assert len(not_shifted(rig.spool / take)) == manifest["ticks"] == rig.episode(take)["ticks"] >= 6
    refused, why = rig.ask_for(dataset, str(uuid.uuid4()))
    assert refused == 409 and "while the rig is error; allowed now: clear_error" in str(why), why
    assert rig.do("clear_error")[0] == 200
    until(lambda: rig.state == "idle")


def test_a_robot_that_hangs_ends_the_take_and_is_connected_again_only_when_it_has_answered(
    rig: RigProcess, dataset: str
) -> None:
    take = rig.record(dataset)
    rig.written(take, 6)
    rig.mood.write_text("late 5.0 once")
    until(lambda: rig.state == "error")
    manifest = rig.ended(take)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "robot_lost")
    assert len(not_shifted(rig.spool / take)) == manifest["ticks"] >= 6
    assert rig.status["error"]["device"] == "robot" and "observe has not answered" in rig.status["error"]["reason"]

    def again() -> bool:
        rig.do("clear_error")
        return bool(until(lambda: rig.state in ("idle", "error") and rig.state) == "idle")

    until(again)
    rig.written(rig.record(dataset), 6)
    assert rig.do("stop")[0] == 200


def test_what_comes_a_second_late_is_a_gap_that_is_counted_and_no_shift(rig: RigProcess, dataset: str) -> None:
    take = rig.record(dataset)
    rig.written(take, 6)
    rig.mood.write_text("late 1.0 once")
    until(lambda: rig.mood.read_text() == "")
    rig.written(take, rig.ticks() + 10)
    assert rig.do("stop")[0] == 200
    manifest = rig.ended(take)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "stop")
    pauses = np.diff(not_shifted(rig.spool / take))
    assert pauses.max() > 0.95, "the rows say when they were: nothing was put into the gap"
    # Each tick is counted, recorded or not; half of the gap allows for a machine that drops some of its own.
    assert manifest["counters"]["dropped_ticks"] >= 15, manifest["counters"]
    assert rig.episode(take)["counters"]["dropped_ticks"] == manifest["counters"]["dropped_ticks"]
