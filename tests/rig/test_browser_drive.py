"""A robot that is driven from a browser, in the rig with its real loop: who drives, how fast, and what stops it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture import clock
from robotdata.capture.drive import AWAY_S, LATE_S, SILENT_S
from robotdata.capture.errors import ConfigError
from robotdata.capture.inputs import InputError, Sender
from robotdata.rig.protocol import as_command
from robotdata.rig.status import Reporter
from robotdata.spool import Take
from tests.rig.conftest import until
from tests.support.driven_bench import (
    FPS,
    HUGE,
    OLGA,
    PAUL,
    SPEED,
    Arm,
    Bench,
    Blind,
    MakeBench,
    Seen,
)
from tests.support.rig_link import Web, linked, soon


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    made: list[Bench] = []

    def make(arm: Arm | None = None, rest: dict[str, Any] | None = None, **teleoperator: Any) -> Bench:
        bench = Bench(tmp_path / "spool", arm or Arm(), {"low": -50, "high": 50, "speed": SPEED, **teleoperator}, rest)
        bench.machine.start()
        made.append(bench)
        until(lambda: bench.machine.state == "idle" and bench.arm.sent)
        return bench

    yield make
    for bench in made:
        bench.machine.stop()


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()


def steps(sent: list[tuple[float, list[float]]]) -> np.ndarray:
    return np.abs(np.diff(np.array([action for _, action in sent]), axis=0))


def test_a_robot_stays_where_it_is_until_somebody_holds(bench: Bench) -> None:
    assert bench.newest() == [10, -5, 0]
    bench.say(hold=False)
    assert bench.say(hold=False, targets={"pan.pos": 40}, rates={"wheel.vel": 1})["state"] == "free"
    bench.ticks()
    assert bench.newest() == [10, -5, 0]


def test_it_goes_to_a_target_no_faster_than_its_speed_and_no_further_than_its_limits(bench: Bench) -> None:
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] == 14, targets={"pan.pos": 14})
    bench.hold_until(lambda: bench.newest()[1] == -50, targets={"lift.pos": -1000})
    assert steps(bench.arm.sent)[:, :2].max() <= SPEED / FPS + 1e-5
    assert min(action[1] for _, action in bench.arm.sent) == -50


def test_it_moves_at_a_rate_and_a_wheel_stands_when_it_is_let_go(bench: Bench) -> None:
    bench.press()
    bench.hold_until(
        lambda: bench.newest()[0] > 12 and bench.newest()[2] == -25, rates={"pan.pos": 1, "wheel.vel": -0.5}
    )
    assert steps(bench.arm.sent)[:, 0].max() <= SPEED / FPS + 1e-5
    bench.say(hold=False)
    bench.ticks(1)
    bench.ticks(1)
    assert bench.newest()[2] == 0


def test_letting_go_stops_at_once_where_the_robot_is_seen(bench: Bench) -> None:
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 12, rates={"pan.pos": 1})
    bench.arm.stuck = True  # an arm that lags behind what it is sent
    bench.hold_until(lambda: bench.newest()[0] > 14, rates={"pan.pos": 1})
    seen = float(bench.arm.at[0])
    assert bench.say(hold=False)["driver"] is None
    bench.ticks(2)
    assert bench.newest()[0] == pytest.approx(seen)
    bench.ticks(5)
    assert bench.newest()[0] == pytest.approx(seen)


def test_a_browser_that_dies_has_driven_for_the_last_time_after_200_ms(bench: Bench) -> None:
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 12, rates={"pan.pos": 1})
    bench.machine.execute(as_command("record"))
    until(lambda: bench.machine.take is not None)
    take = bench.machine.take
    assert take is not None
    bench.say(hold=False)
    bench.hold_until(lambda: take.ticks > 5, rates={"pan.pos": 1})
    last_word_ns = clock.monotonic_ns()
    until(lambda: clock.monotonic_ns() > last_word_ns + 3 * SILENT_S * 1e9)
    bench.machine.execute(as_command("stop"))
    until(lambda: not bench.machine.saving)
    with Take.open(bench.machine.rig.spool / take.id) as recorded:
        at = recorded.signal("action/requested")[:, 0]
        ns = np.asarray(recorded.column("monotonic_ns"))
    silent = at[ns > last_word_ns + SILENT_S * 1e9]
    assert at[0] < silent[0] and len(silent) > 1
    assert (silent == silent[0]).all(), "it moves although its driver has gone"


def test_after_a_pause_it_begins_where_the_robot_is_and_never_jumps(bench: Bench) -> None:
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 12, rates={"pan.pos": 1})
    bench.say(hold=False)
    bench.ticks(2)
    bench.arm.stuck = True
    bench.arm.at[0] = 30.0  # somebody has moved the arm by hand
    bench.arm.stuck = False
    before = len(bench.arm.sent)
    bench.press()
    bench.hold_until(lambda: bench.newest()[1] > -4, targets={"lift.pos": 0})
    began = next(action for _, action in bench.arm.sent[before:] if action[1] != -5)
    assert began[0] in (pytest.approx(30), pytest.approx(bench.newest()[0]))


def test_one_drives_and_the_other_is_told_who(bench: Bench) -> None:
    bench.say(PAUL, hold=False)
    bench.press()
    bench.say(hold=True, rates={"pan.pos": 1})
    answer = bench.say(PAUL, hold=True, rates={"pan.pos": -1})
    assert (answer["state"], answer["driver"], answer["yours"]) == ("taken", "olga", False)
    bench.say(hold=False)
    assert bench.say(PAUL, hold=True, rates={"pan.pos": -1})["state"] == "release", "he must let go first"
    bench.ticks()
    assert bench.newest()[0] >= 10
    assert bench.press(PAUL)["state"] == "driving"


def test_a_take_over_is_confirmed_and_the_other_must_let_go(bench: Bench) -> None:
    bench.say(PAUL, hold=False)
    bench.press()
    assert bench.say(PAUL, hold=True, take_over=True) | {"clock": 0, "at": 0, "seq": 0} == {
        "state": "driving", "driver": "paul", "yours": True, "clock": 0, "at": 0, "seq": 0,
    }  # fmt: skip
    assert bench.say(hold=True, take_over=True)["state"] == "release"
    bench.say(PAUL, hold=False)
    assert bench.say(hold=True, take_over=True)["state"] == "release"
    assert bench.press()["state"] == "driving"


def test_what_was_too_long_on_its_way_moves_nothing(bench: Bench) -> None:
    assert bench.machine.rig.inputs.offer("teleoperator", OLGA, {"seq": 1, "hold": True})["state"] == "late"
    old = bench.say(hold=False)["clock"]
    until(lambda: clock.monotonic() > old + LATE_S)
    assert bench.say(hold=True, echo=old, rates={"pan.pos": 1})["state"] == "late"
    assert bench.say(hold=True, echo=clock.monotonic() + 60)["state"] == "late"
    bench.ticks()
    assert bench.newest() == [10, -5, 0]


def test_who_was_silent_while_holding_lets_go_before_it_drives_again(bench: Bench) -> None:
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 12, rates={"pan.pos": 1})
    last = clock.monotonic()
    until(lambda: clock.monotonic() > last + AWAY_S)
    stood = bench.newest()
    newest = bench.say(hold=True, rates={"pan.pos": 1})
    assert newest["state"] == "late"
    assert bench.say(hold=True, rates={"pan.pos": 1})["state"] == "release"
    bench.ticks()
    assert bench.newest() == stood, "it moved by itself once the network was back"
    assert bench.press()["state"] == "driving"


def test_who_was_too_late_for_a_second_lets_go_first_too(bench: Bench) -> None:
    bench.press()
    old = bench.say(hold=True)["clock"] - LATE_S
    end = clock.monotonic() + AWAY_S
    while clock.monotonic() < end + 0.01:
        assert bench.say(hold=True, echo=old, rates={"pan.pos": 1})["state"] == "late"
        clock.pause(0.02)
    assert bench.say(hold=True, rates={"pan.pos": 1})["state"] == "release"
    assert bench.press()["state"] == "driving"


def test_a_new_connection_that_begins_with_hold_lets_go_first(bench: Bench) -> None:
    again = Sender("tab-1-again", "olga")
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 12, rates={"pan.pos": 1})
    assert bench.say(again, hold=True, rates={"pan.pos": 1})["state"] == "late"
    bench.say(hold=False)
    bench.ticks(2)
    stood = bench.newest()
    for take_over in (False, True):
        assert bench.say(again, hold=True, take_over=take_over, rates={"pan.pos": 1})["state"] == "release"
    bench.ticks()
    assert bench.newest() == stood
    assert bench.press(again)["state"] == "driving"


def test_after_the_rest_pose_the_robot_is_not_driven_back_to_where_it_was_let_go(make_bench: MakeBench) -> None:
    bench = make_bench(Seen(), {"reset": "rest", "rest_speed": 500, "rest": {"pan.pos": 0, "lift.pos": 0}})
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 14, rates={"pan.pos": 1})
    bench.say(hold=False)
    bench.ticks(2)
    bench.machine.rig.loop.begin_reset()
    until(lambda: bench.newest() == [0, 0])
    bench.machine.rig.loop.end_reset()
    bench.ticks(20)
    assert bench.newest() == [0, 0], "nobody holds, and it goes back"


def test_after_a_simulators_reset_the_robot_stays_where_that_put_it(make_bench: MakeBench) -> None:
    bench = make_bench(Seen())
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 14, rates={"pan.pos": 1})
    bench.say(hold=False)
    bench.ticks(2)
    bench.machine.rig.loop.begin_reset()
    until(lambda: bench.newest() == [10, -5])
    bench.ticks(5)
    assert bench.newest() == [10, -5]


def test_a_joint_that_is_not_seen_stays_through_a_reset(make_bench: MakeBench) -> None:
    bench = make_bench(Blind(), joints={"pan": {"start": 3}, "lift": {"start": 4}})
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 5, rates={"pan.pos": 1})
    bench.say(hold=False)
    bench.ticks(2)
    last = bench.newest()
    bench.machine.rig.loop.begin_reset()
    bench.ticks(5)
    assert bench.newest() == last and last[0] > 5, "it jumped to its start"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"seq": -1}, "seq is -1"),
        ({"seq": True}, "seq is True"),
        ({"hold": 1}, "hold is 1, want true or false"),
        ({"take_over": "yes"}, "take_over is 'yes'"),
        ({"echo": "now"}, "echo is 'now'"),
        ({"targets": [1]}, "targets must be an object of at most 3 joints"),
        ({"targets": {"elbow.pos": 1}}, "'elbow.pos', which is not a joint"),
        ({"targets": {"pan.pos": None}}, "targets.pan.pos is None"),
        ({"targets": {"pan.pos": float("nan")}}, "targets.pan.pos is nan"),
        ({"rates": {"pan.pos": 1.5}}, "rates.pan.pos is 1.5, want a number from -1 to 1"),
        ({"rates": {"pan.pos": True}}, "rates.pan.pos is True"),
        ({"echo": HUGE}, "echo is 1000"),
        ({"targets": {"pan.pos": -HUGE}}, "targets.pan.pos is -1000"),
        ({"rates": {"pan.pos": HUGE}}, "rates.pan.pos is 1000"),
    ],
)
def test_it_names_what_is_wrong_and_does_nothing_of_it(bench: Bench, body: dict[str, Any], what: str) -> None:
    bench.say(hold=False)
    with pytest.raises(InputError, match=what):
        bench.say(**{"hold": True, "rates": {"wheel.vel": 1.0}, **body})
    bench.ticks()
    assert bench.newest() == [10, -5, 0]


def test_the_rig_says_what_can_be_driven(make_bench: MakeBench) -> None:
    table = {"pan": {"low": -20, "high": 20, "unit": "°", "keys": ["z", "x"], "axis": 2}}
    bench = make_bench(joints=table, hold_button=4)
    said = Reporter(bench.machine).hello()["rig"]["inputs"]["teleoperator"]
    pan, lift, wheel = said["joints"]
    assert said["hold_button"] == 4
    assert pan == {
        "name": "pan.pos", "label": "pan", "low": -20, "high": 20, "speed": SPEED, "unit": "°", "velocity": False,
        "keys": ["z", "x"], "axis": 2, "invert": False, "plus_button": None, "minus_button": None,
    }  # fmt: skip
    assert (lift["low"], lift["keys"], wheel["velocity"]) == (-50, ["w", "s"], True)


def test_a_robot_that_is_not_observed_begins_where_the_file_says(make_bench: MakeBench) -> None:
    with pytest.raises(ConfigError, match=r"teleoperator\.joints\.pan\.start: is missing"):
        make_bench(Blind())
    bench = make_bench(Blind(), joints={"pan": {"start": 3}, "lift": {"start": 4}})
    assert bench.newest() == [3, 4]
    bench.press()
    bench.hold_until(lambda: bench.newest()[0] > 5, rates={"pan.pos": 1})
    bench.say(hold=False)
    bench.ticks(2)
    last = bench.newest()
    bench.ticks(5)
    assert bench.newest() == last and last[0] > 5


@pytest.mark.parametrize(
    ("teleoperator", "what"),
    [
        ({"low": 60}, r"pan\.high: is 50, want more than low \(60\)"),
        ({"joints": {"elbow": {}}}, r"joints\.elbow: is not a joint of this robot; it has pan\.pos, lift\.pos"),
        ({"joints": {"pan": {"keys": ["Q", "a"]}}}, "want two small letters"),
        ({"joints": {"pan": {"keys": ["w", "x"]}}}, "has the key 'w', which pan has too"),
        ({"joints": {"pan": {"colour": 1}}}, r"joints\.pan\.colour: unknown key"),
        ({"joints": {"wheel": {"low": 1}}}, "a velocity needs 0 between them"),
        ({"joints": {"pan": {"axis": 1.5}}}, "want a whole number"),
        ({"speed": 0}, r"speed: is 0"),
    ],
)
def test_it_refuses_a_rig_file_in_words(make_bench: MakeBench, teleoperator: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        make_bench(**teleoperator)


async def test_messages_come_over_the_link_and_are_answered(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):  # type: ignore[arg-type]
        await soon(lambda: web.of("status"))
        said = {"type": "input", "device": "teleoperator", "from": {"id": "tab", "name": "olga"}}
        await web.say(**said, body={"seq": 1, "hold": False})
        await soon(lambda: web.of("heard"))
        answer = web.of("heard")[0]
        assert (answer["to"], answer["device"], answer["body"]["state"]) == ("tab", "teleoperator", "free")
        newest = answer["body"]["clock"]
        for seq in itertools.count(2):
            await web.say(**said, body={"seq": seq, "hold": True, "echo": newest, "rates": {"pan.pos": 1}})
            await soon(lambda seq=seq: web.of("heard")[-1]["body"]["seq"] == seq)
            newest = web.of("heard")[-1]["body"]["clock"]
            if bench.newest()[0] > 11:
                break
        await web.say(**said, body={"seq": "x"})
        await soon(lambda: web.of("heard")[-1]["body"]["state"] == "invalid")
        await web.say(**{**said, "device": "camera"}, body={"seq": 7})
        await soon(lambda: "no 'camera'" in web.of("heard")[-1]["body"].get("text", ""))
    await soon(lambda: clock.monotonic() > newest + SILENT_S)
    await asyncio.to_thread(bench.ticks, 2)
    held = bench.newest()
    await asyncio.to_thread(bench.ticks, 5)
    assert bench.newest() == held, "it moves without a link"


async def test_a_device_that_fails_at_a_message_leaves_the_link_alone(bench: Bench) -> None:
    def fail(sender: Sender, body: Any) -> dict[str, Any]:
        raise OverflowError("int too large to convert to float")

    bench.machine.rig.inputs.serve("odd", None, fail)
    web = Web()
    async with linked(bench, web):  # type: ignore[arg-type]
        await soon(lambda: web.of("status"))
        await web.say(type="input", device="odd", **{"from": {"id": "tab", "name": "olga"}}, body={"seq": 3})
        await soon(lambda: web.of("heard") or len(web.of("hello")) > 1)
        (heard,) = web.of("heard")
        assert (heard["body"]["seq"], heard["body"]["state"]) == (3, "invalid")
        assert "rig's log" in heard["body"]["text"]
        assert (await web.command("1", "emergency_stop"))["ok"] and len(web.of("hello")) == 1


async def test_an_input_without_a_sender_is_no_message(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):  # type: ignore[arg-type]
        await soon(lambda: web.of("status"))
        await web.say(type="input", device="teleoperator", body={})
        await soon(lambda: len(web.of("hello")) == 2)
