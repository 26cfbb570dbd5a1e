"""A recording is played back to the rig's robot: slowly, in order, and never when something is wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture.inputs import InputError, Sender
from robotdata.capture.playback import Recording
from robotdata.rig import link as link_module
from robotdata.rig import watchers
from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.recordings import recording_of_take
from robotdata.rig.replay_args import parts_of
from robotdata.rig.states import State
from robotdata.rig.status import Reporter
from tests.rig.conftest import Bench, until
from tests.support.rig_link import Web, linked, soon

FPS = 60
NAMES = ("shoulder_pan.pos", "shoulder_lift.pos", "elbow_flex.pos", "wrist_flex.pos", "wrist_roll.pos", "gripper.pos")
POSE = np.array([0.0, -30.0, 60.0, 40.0, 0.0, 50.0])


class Acted:
    """What the simulated robot was asked to do, and by whom: a replay is recognised by what follows its first row."""

    def __init__(self, bench: Bench) -> None:
        self.actions: list[np.ndarray] = []
        driver = bench.machine.rig.loop._robot.driver
        act = driver.act

        def acted(action: Any) -> Any:
            self.actions.append(np.array(action, np.float64))
            return act(action)

        driver.act = acted

    def since(self, count: int) -> np.ndarray:
        return np.array(self.actions[count:])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short move to the first pose, where it is not what a test is about."""
    monkeypatch.setattr("robotdata.capture.playback.APPROACH_S", 0.05)


def wave(rows: int = 30, fps: float = 30) -> Recording:
    """A recording of rows that all differ: the pan turns one way, faster and faster."""
    values = np.tile(POSE, (rows, 1))
    values[:, 0] = 1 + np.arange(rows) ** 2 / 40
    return Recording(NAMES, values.astype(np.float32), fps, values.min(axis=0), values.max(axis=0))


def send(bench: Bench, recording: Recording, rows: str = "r1") -> None:
    for part in parts_of(recording, rows):
        bench.do("replay_rows", **part)


def start(bench: Bench, recording: Recording | None = None, **args: Any) -> Acted:
    """Send rows and play them."""
    acted = Acted(bench)
    send(bench, recording or wave())
    bench.do("replay", **{"rows": "r1", "unwatched": True, **args})
    return acted


def holds(bench: Bench) -> bool:
    return bench.machine.state == State.HOLDING


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


def page(bench: Bench, echo: float | None, device: str = "replay") -> dict[str, Any]:
    """Say for a page that it shows the replay; return the rig's answer."""
    return bench.machine.rig.inputs.offer(device, Sender("tab-1", "olga"), {"seq": 1, "echo": echo})


def test_the_robot_moves_only_while_a_page_shows_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "FIRST_S", 600.0)  # a busy machine is not a page that has gone
    monkeypatch.setattr(watchers, "SILENT_S", 600.0)
    acted = start(bench, unwatched=False)
    until(lambda: len(acted.actions) > 10)
    status = Reporter(bench.machine).status()["replay"]
    assert status is not None and (status["phase"], status["unwatched"]) == ("waiting", False)
    clock = page(bench, None)["clock"]
    assert page(bench, clock - watchers.LATE_S - 0.1)["state"] == "late", "an old word shows that somebody did watch"
    count = len(acted.actions)
    until(lambda: len(acted.actions) > count + 10)
    assert np.ptp(acted.since(2), axis=0).max() == 0, "the robot waits where it is"

    monkeypatch.setattr(watchers, "LATE_S", 600.0)

    def plays() -> bool:
        page(bench, page(bench, None)["clock"])
        return (bench.machine.replaying.info() or {}).get("phase") == "playing"

    until(plays)
    monkeypatch.setattr(watchers, "SILENT_S", 0.05)
    until(lambda: holds(bench))
    assert "No page has shown the replay for 3 s" in (bench.machine.message or "")
    count = len(acted.actions)
    until(lambda: len(acted.actions) > count + 10)
    assert np.ptp(acted.since(count + 1), axis=0).max() == 0


def test_a_replay_that_no_page_comes_to_show_does_not_begin(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "FIRST_S", 0.1)
    acted = start(bench, unwatched=False)
    until(lambda: holds(bench))
    assert "did not begin" in (bench.machine.message or "")
    assert np.ptp(acted.since(3), axis=0).max() == 0


@pytest.mark.parametrize("echo", ["now", True, float("nan"), 10**400])
def test_what_a_page_says_is_checked(bench: Bench, echo: Any) -> None:
    with pytest.raises(InputError, match="echo is"):
        page(bench, echo)


async def test_it_ends_when_the_server_is_gone(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status", state="idle"))
        for number, part in enumerate(parts_of(wave(), "r1")):
            assert (await web.command(f"p{number}", "replay_rows", **part))["ok"]
        assert (await web.command("1", "replay", rows="r1", unwatched=True))["ok"]
        await soon(lambda: web.of("status", state="replaying"))
        assert web.socket is not None
        web.socket.transport.abort()
        await soon(lambda: holds(bench))
        assert "server was lost" in (bench.machine.message or "")
        await soon(lambda: len(web.of("hello")) == 2)
        assert web.of("hello")[1]["status"]["state"] == "holding"


async def test_it_ends_when_the_server_is_silent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cable is out: nothing closes the connection, and no ping is answered."""
    monkeypatch.setattr(link_module, "GUARD_EVERY_S", 0.01)
    monkeypatch.setattr(link_module, "SILENT_S", 0.05)

    class Silent:
        async def ping(self) -> asyncio.Future[float]:
            return asyncio.get_running_loop().create_future()

    link = link_module.Link(bench.machine, "ws://nowhere/", "")
    link._connection.problem = None
    start(bench)
    guard = asyncio.create_task(link._guard(Silent()))  # type: ignore[arg-type]
    await soon(lambda: holds(bench))
    guard.cancel()


def test_a_replay_that_begins_while_the_server_is_being_lost_ends(bench: Bench) -> None:
    """The command was on its way through the rig when the connection ended."""
    link = link_module.Link(bench.machine, "ws://nowhere/", "")
    assert link.problem
    acted = start(bench)
    until(lambda: holds(bench))
    assert "server was lost" in (bench.machine.message or "") and len(acted.actions) < 3 * FPS


def test_losing_the_server_does_not_let_the_teleoperator_drive(bench: Bench) -> None:
    bench.machine.replaying.link_lost()
    assert bench.machine.state == State.IDLE
    start(bench)
    threads = [threading.Thread(target=bench.machine.replaying.link_lost) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert holds(bench)


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
