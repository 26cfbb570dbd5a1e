"""A recording is played back to the rig's robot: slowly, in order, and never when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture.playback import Recording
from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.recordings import recording_of_take
from robotdata.rig.replay_args import parts_of
from robotdata.rig.states import State
from robotdata.rig.status import Reporter
from tests.rig.conftest import Bench, until
from tests.support.replayed import FPS, NAMES, Acted, holds, send, start, wave


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short move to the first pose, where it is not what a test is about."""
    monkeypatch.setattr("robotdata.capture.playback.APPROACH_S", 0.05)


def test_its_rows_reach_the_robot_in_order_and_never_faster_than_the_limit(
    make_bench: Callable[..., Bench], quick: None
) -> None:
    bench = make_bench(robot={"replay_speed": 15})
    acted, recording = start(bench, speed=0.5, episode="e", task="wave"), wave()
    began = len(acted.actions)
    until(lambda: (bench.machine.replaying.info() or {}).get("phase") == "playing")
    status = Reporter(bench.machine).status()
    assert (status["state"], status["controls"], status["take"]) == ("replaying", ["cancel"], None)
    assert status["replay"] is not None
    assert (status["replay"]["speed"], status["replay"]["rows"], status["replay"]["task"]) == (0.5, 30, "wave")
    until(lambda: holds(bench))
    actions = acted.since(began + 2)
    assert np.abs(np.diff(actions, axis=0)).max() * FPS <= 15 + 0.01
    places = [int(np.argmin(np.abs(actions - row).max(axis=1))) for row in recording.rows]
    assert places == sorted(places) and len(set(places)) == len(recording.rows)
    assert np.all(np.diff(actions[places[0] :, 0]) >= 0), "the poses between two rows lie between them"
    assert places[4] - places[3] > 3 and places[29] - places[28] > 3
    assert not list(bench.spool.iterdir()) and not bench.events, "nothing is recorded"


def test_the_robot_holds_still_until_a_person_lets_the_teleoperator_drive(bench: Bench, quick: None) -> None:
    acted = start(bench, speed=1)
    until(lambda: holds(bench))
    last = len(acted.actions)
    until(lambda: len(acted.actions) > last + 10)
    assert np.ptp(acted.since(last)[1:], axis=0).max() == 0
    assert "holds still" in (bench.machine.message or "") and Reporter(bench.machine).status()["replay"]
    with pytest.raises(CommandRefused, match="holding; allowed now: follow, replay"):
        bench.do("record")
    bench.do("follow")
    assert bench.machine.state == State.IDLE and bench.machine.replaying.info() is None
    moved = len(acted.actions)
    until(lambda: len(acted.actions) > moved + 20)
    assert np.abs(np.diff(acted.since(moved - 1), axis=0)).max() * FPS <= 30 + 0.01, "it moves to it slowly"


def test_a_take_of_the_rig_is_played_from_its_own_spool(bench: Bench, quick: None) -> None:
    bench.do("record")
    bench.ticks(40)
    bench.do("stop")
    bench.idle()
    (take,) = [manifest["id"] for manifest in bench.ended()]
    whole = recording_of_take(bench.spool / take)
    acted = Acted(bench)
    bench.do("replay", unwatched=True, take=take, speed=1, **{"from": 10, "to": 20})
    until(lambda: holds(bench))
    actions = np.array(acted.actions)
    for row in (10, 15, 20):
        assert np.abs(actions - whole.rows[row]).max(axis=1).min() < 0.5
    assert np.allclose(actions[-1], whole.rows[20], atol=1e-3)
    assert [each.name for each in bench.spool.iterdir()] == [take]
    for args, code in (
        ({"take": "00000000-0000-4000-8000-000000000000"}, "no_take"),
        ({"take": "../secrets"}, "bad_args"),
        ({"take": take, "from": 10, "to": 10_000}, "bad_args"),
    ):
        with pytest.raises(CommandRefused) as refused:
            bench.do("replay", unwatched=True, **args)
        assert refused.value.code == code


def test_cancel_stops_the_robot_where_it_is(bench: Bench) -> None:
    acted = start(bench)
    until(lambda: len(acted.actions) > 20)
    assert bench.machine.state == State.REPLAYING
    bench.do("cancel")
    assert holds(bench)
    count = len(acted.actions)
    until(lambda: len(acted.actions) > count + 10)
    assert np.ptp(acted.since(count + 1), axis=0).max() == 0
    send(bench, wave(), "r2")
    bench.do("replay", unwatched=True, rows="r2")
    assert bench.machine.state == State.REPLAYING, "it may be played again"


def test_an_emergency_stop_ends_it_and_nothing_follows(bench: Bench, quick: None) -> None:
    acted = start(bench)
    until(lambda: (bench.machine.replaying.info() or {}).get("phase") == "playing")
    bench.do("emergency_stop")
    until(lambda: bench.machine.rig.loop.ended)
    count = len(acted.actions)
    until(lambda: bench.machine.state == State.ERROR)
    assert len(acted.actions) == count and Reporter(bench.machine).status()["replay"] is None
    bench.do("clear_error")
    until(lambda: bench.machine.state == State.IDLE)


@pytest.mark.parametrize("pedal", ["stop", "discard", "rerecord"])
def test_a_pedal_that_stops_takes_stops_it_too(bench: Bench, pedal: str) -> None:
    start(bench)
    bench.machine.rig.loop.events._events.append(("teleoperator", pedal))
    until(lambda: holds(bench))
    bench.machine.rig.loop.events._events.append(("teleoperator", "start"))
    until(lambda: not bench.machine.rig.loop.events._events)
    assert holds(bench), "a pedal does not end the hold"


def test_an_error_while_it_holds_lets_the_robot_return_as_slowly(bench: Bench, quick: None) -> None:
    acted = start(bench)
    until(lambda: holds(bench))
    bench.do("emergency_stop")
    until(lambda: bench.machine.state == State.ERROR)
    until(lambda: bench.machine.rig.loop.ended)
    count = len(acted.actions)
    bench.do("clear_error")
    until(lambda: bench.machine.state == State.IDLE and len(acted.actions) > count + 10)
    after = acted.since(count)
    assert np.abs(np.diff(after, axis=0)).max() * bench.machine.rig.config.fps <= 30 + 0.01


def test_a_command_that_comes_too_late_begins_nothing(bench: Bench) -> None:
    """Whoever sent it was told that the rig did not answer, and may stand beside the robot by now."""
    send(bench, wave())
    command = as_command("replay", unwatched=True, rows="r1")
    late = replace(command, came=command.came - 60)
    with pytest.raises(CommandRefused, match="in time"):
        bench.machine.execute(late)
    assert bench.machine.state == State.IDLE


def test_the_end_of_the_rig_ends_it(bench: Bench) -> None:
    start(bench)
    assert bench.machine.stop()
    assert bench.machine.rig.loop.ended


def test_what_does_not_fit_is_refused_and_moves_nothing(bench: Bench) -> None:
    recording = wave()
    other = Recording((*NAMES[:-1], "claw.pos"), recording.rows, 30, recording.low, recording.high)
    broken = Recording(NAMES, np.where(np.arange(30)[:, None] == 7, np.nan, recording.rows), 30, recording.low,
                       recording.high)  # fmt: skip
    outlier = Recording(NAMES, recording.rows, 30, recording.low, recording.high - 5)
    for source, code, text in (
        (other, "mismatch", "claw.pos"),
        (broken, "bad_args", "row 7 has nan for shoulder_pan.pos"),
        (outlier, "bad_args", "outside of the range"),
    ):
        send(bench, source)
        with pytest.raises(CommandRefused, match=text) as refused:
            bench.do("replay", unwatched=True, rows="r1")
        assert refused.value.code == code and bench.machine.state == State.IDLE
        if source is other:
            assert refused.value.differences == [
                {"what": "claw.pos", "rig": "no", "dataset": "yes"},
                {"what": "gripper.pos", "rig": "yes", "dataset": "no"},
            ]
    bench.do("record")
    send(bench, recording)
    with pytest.raises(CommandRefused, match="recording"):
        bench.do("replay", unwatched=True, rows="r1")
    bench.do("stop")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"rows": ""}, "rows: is missing"),
        ({"first": 5}, "send all again"),
        ({"first": -1}, "first: want a whole number"),
        ({"names": []}, "names: want a list"),
        ({"names": [3]}, "names: want texts"),
        ({"total": 10**9}, "total: want a whole number from 1 to"),
        ({"fps": float("nan")}, "fps: want"),
        ({"low": [0]}, "low: want a number for each"),
        ({"high": [float("inf")] * 6}, "high: want a number for each"),
        ({"data": "*"}, "data: is not base64"),
        ({"data": "AAAA"}, "data: has 3 bytes"),
        ({"data": "A" * 500_000}, "data: want base64 text of at most"),
        ({"total": 3}, "more rows than the 3"),
    ],
)
def test_rows_come_through_one_door(bench: Bench, change: dict[str, Any], match: str) -> None:
    (part,) = parts_of(wave(), "r1")
    with pytest.raises(CommandRefused, match=match):
        bench.do("replay_rows", **{**part, **change})


def test_long_recordings_come_in_parts_and_only_as_a_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotdata.rig.replay_args.PART_VALUES", 60)
    parts = list(parts_of(wave(), "r1"))
    assert [part["first"] for part in parts] == [0, 10, 20]
    for part in parts[:2]:
        bench.do("replay_rows", **part)
    with pytest.raises(CommandRefused, match="not all of them") as refused:
        bench.do("replay", unwatched=True, rows="r1")
    assert refused.value.code == "no_take"
    bench.do("replay_rows", **parts[2])
    bench.do("replay", unwatched=True, rows="r1")
    bench.do("cancel")
    with pytest.raises(CommandRefused, match="have not come"):
        bench.do("replay", unwatched=True, rows="r1")


@pytest.mark.parametrize(
    "args", [{}, {"take": "a", "rows": "b"}, {"rows": "r1", "speed": 2}, {"rows": "r1", "speed": "fast"},
             {"rows": "r1", "from": -1}, {"rows": "r1", "task": 5}, {"rows": "r1", "unwatched": 1}]
)  # fmt: skip
def test_its_arguments_are_checked(bench: Bench, args: dict[str, Any]) -> None:
    send(bench, wave())
    with pytest.raises(CommandRefused) as refused:
        bench.do("replay", **args)
    assert refused.value.code == "bad_args" and bench.machine.state == State.IDLE


def test_a_command_that_comes_twice_plays_once(bench: Bench) -> None:
    send(bench, wave())
    command = as_command("replay", unwatched=True, rows="r1")
    bench.machine.execute(command)
    bench.do("cancel")
    bench.machine.execute(command)
    assert holds(bench)


def test_a_take_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path, bench: Bench, monkeypatch: Any) -> None:
    bench.do("record")
    bench.ticks(5)
    bench.do("stop")
    bench.idle()
    (take,) = [manifest["id"] for manifest in bench.ended()]
    monkeypatch.setattr("robotdata.rig.recordings.MAX_VALUES", 6)
    with pytest.raises(CommandRefused, match="more than the 1 that can be played"):
        bench.do("replay", unwatched=True, take=take)
