"""An emergency stop takes effect in every state, waits for nothing, and holds until somebody clears it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.rig.machine import Machine
from robotdata.rig.presses import KEPT_S, Presses
from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.states import State
from robotdata.spool import read_manifest
from tests.rig.conftest import Bench, until
from tests.support.faulty import FaultyRig, FaultyRobot, raises
from tests.support.rig_link import Web, linked, soon


class StoppableRobot(FaultyRobot):
    def emergency_stop(self) -> None:
        self._script.step("robot", "emergency_stop")


def stoppable(rig: FaultyRig) -> FaultyRig:
    """Give the robot of `rig`, which has not started, an emergency stop of its own."""
    rig.machine.rig.loop._robot.driver.__class__ = StoppableRobot
    return rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[FaultyRig]:
    made = FaultyRig(tmp_path / "spool", ticked=True)
    yield made
    made.script.heal()
    made.stop()


def stopped(rig: FaultyRig) -> dict[str, Any]:
    """The rig's status once it shows the emergency stop."""
    until(lambda: (rig.status()["error"] or {}).get("code") == "emergency_stop")
    return rig.status()


def test_it_ends_and_keeps_the_take_and_sends_nothing_more(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    rig.record(5)
    rig.do("emergency_stop")
    acts = rig.script.count("robot", "act")
    status = stopped(rig)
    assert status["state"] == "error" and set(status["controls"]) <= {"clear_error", "annotate"}
    until(lambda: rig.machine.rig.loop.ended)
    assert rig.script.count("robot", "act") - acts <= 1, "the one that was under way"
    assert rig.script.count("robot", "disconnect") == 1
    take = rig.take(0)
    manifest = read_manifest(take.folder)
    assert manifest["end_reason"] == "emergency_stop" and manifest["curation"]["verdict"] == "unreviewed"
    (mark,) = [mark for mark in manifest["marks"] if mark["code"] == "emergency_stop"]
    assert mark["to_tick"] == manifest["ticks"] == mark["from_tick"] + 1


def test_it_holds_until_somebody_clears_it(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    for _ in range(3):
        rig.do("emergency_stop")
    stopped(rig)
    connects = rig.script.count("robot", "connect")
    with pytest.raises(CommandRefused, match="clear_error"):
        rig.do("record")
    assert rig.script.count("robot", "connect") == connects
    rig.do("clear_error")
    rig.idle()
    rig.record()


@pytest.mark.parametrize("state", ["connecting", "countdown", "resetting", "paused", "error"])
def test_it_is_allowed_in_every_state(rig: FaultyRig, state: str) -> None:
    machine = rig.machine
    if state == "connecting":
        rig.script.faults["robot", "connect"] = rig.script.hangs()
    if state == "error":
        rig.script.faults["robot", "observe"] = raises(lambda: OSError("no power"))
    machine.start()
    if state in ("countdown", "resetting", "paused"):
        rig.idle()
        rig.record_with(countdown_s=60.0 if state == "countdown" else 0.0, reset_s=60.0)
    if state in ("resetting", "paused"):
        until(lambda: machine.take is not None and machine.take.ticks > 2)
        rig.do("stop")
    if state == "paused":
        rig.do("pause")
    until(lambda: rig.status()["state"] == state)
    rig.do("emergency_stop")
    status = stopped(rig)
    assert status["state"] == "error" and ("no power" in status["error"]["text"]) == (state == "error")
    rig.script.heal()
    rig.do("clear_error")
    rig.idle()


def test_a_rig_that_is_shutting_down_is_stopped_too(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    assert rig.stop()
    rig.do("emergency_stop")
    assert rig.machine.state == State.SAVING
    until(lambda: rig.machine.rig.loop.ended)


def test_the_robots_own_stop_comes_before_it_is_disconnected(rig: FaultyRig) -> None:
    stoppable(rig).machine.start()
    rig.idle()
    rig.do("emergency_stop")
    until(lambda: rig.machine.rig.loop.ended)
    last = [method for device, method in rig.script.asked if device == "robot"][-2:]
    assert last == ["emergency_stop", "disconnect"]
    assert not rig.machine.rig.loop.unstopped


@pytest.mark.parametrize(("device", "method"), [("camera ticked", "grab"), ("robot", "observe")])
def test_it_does_not_wait_for_a_call_that_hangs(rig: FaultyRig, device: str, method: str) -> None:
    """The time limit of a call is 60 s here; neither the robot nor the others wait for it."""
    stoppable(rig).machine.start()
    rig.idle()
    rig.script.faults[device, method] = rig.script.hangs()
    until(lambda: [call.method for call in rig.machine.rig.loop._session.calls] == [method])  # type: ignore[union-attr]
    rig.do("emergency_stop")
    until(lambda: rig.script.count("robot", "emergency_stop") == 1)
    until(lambda: rig.script.count("teleoperator", "disconnect") == 1)
    if device != "robot":
        until(lambda: rig.script.count("robot", "disconnect") == 1)
    stopped(rig)
    acts = rig.script.count("robot", "act")
    rig.script.heal()
    until(lambda: rig.machine.rig.loop.ended)
    assert rig.script.count("robot", "act") == acts, "the call that came back is followed by nothing"
    assert rig.script.count("robot", "disconnect") == 1


def test_it_does_not_wait_for_the_machines_lock(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with rig.machine._lock:
            held.set()
            release.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    rig.do("emergency_stop")
    until(lambda: rig.machine.rig.loop.ended)
    release.set()
    holder.join()
    stopped(rig)


def test_it_warns_of_a_robot_whose_own_stop_fails(rig: FaultyRig) -> None:
    stoppable(rig).machine.start()
    rig.idle()
    rig.script.faults["robot", "emergency_stop"] = raises(lambda: OSError("bus is busy"))
    rig.do("emergency_stop")
    warnings: list[dict[str, Any]] = []

    def warned() -> bool:
        warnings[:] = [each for each in rig.status()["warnings"] if each["code"] == "not_stopped"]
        return bool(warnings)

    until(warned)
    assert "bus is busy" in warnings[0]["text"] and "power" in warnings[0]["text"]
    until(lambda: rig.script.count("robot", "disconnect") == 1)


def test_clearing_an_earlier_error_does_not_clear_an_emergency_stop(rig: FaultyRig, monkeypatch: Any) -> None:
    rig.script.faults["robot", "observe"] = raises(lambda: OSError("no power"))
    rig.machine.start()
    rig.until("error")
    with monkeypatch.context() as patched:
        patched.setattr(rig.machine._stopping, "is_set", lambda: True)  # its own steps end
        rig.machine._thread.join(60)
    assert not rig.machine._thread.is_alive()
    rig.do("emergency_stop")
    with pytest.raises(CommandRefused, match="another one"):
        rig.do("clear_error")
    assert stopped(rig)["state"] == "error"


async def test_the_link_passes_it_while_another_command_runs(bench: Bench) -> None:
    web = Web()
    bench.do("record")
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go_on.wait(60)

    bench.machine._stop = slow  # type: ignore[method-assign]
    async with linked(bench, web):
        await soon(lambda: web.of("status"))
        await web.say(type="command", id="1", name="stop", args={})
        await asyncio.to_thread(began.wait, 60)
        reply = await web.command("2", "emergency_stop")
        assert reply["ok"] is True
        assert bench.machine.rig.loop.stopped and not web.of("reply", id="1")
        go_on.set()
        await soon(lambda: web.of("status", state="error"))
        await soon(lambda: web.of("reply", id="1"))


@pytest.mark.parametrize("press", ["1d3b7a52-6a0e-4c1c-9a36-7c5b3c0d9f11", "7"])
async def test_a_late_copy_of_a_press_is_no_second_stop(bench: Bench, press: str) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status", state="idle"))
        assert (await web.command(press, "emergency_stop"))["ok"] is True
        await soon(lambda: web.of("status", state="error"))
        assert (await web.command("2", "clear_error"))["ok"] is True
        await soon(lambda: bench.machine.state == "idle")
        web.heard.clear()
        assert (await web.command(press, "emergency_stop"))["ok"] is True
        # Only a UUID is sure to name one press: with any other id a person may mean it anew.
        assert bench.machine.rig.loop.stopped is (press == "7")


def test_an_id_that_a_program_uses_for_ever_stops_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("robotdata.rig.presses.clock.monotonic", lambda: now[0])
    presses, press = Presses(), "1d3b7a52-6a0e-4c1c-9a36-7c5b3c0d9f11"
    assert presses.is_new(press) and presses.is_new(press), "nothing was carried out yet"
    presses.remember(press)
    assert not presses.is_new(press) and presses.is_new("no UUID") and presses.is_new(None)
    now[0] += KEPT_S + 1
    assert presses.is_new(press)


async def test_a_clear_that_waits_in_the_rig_does_not_undo_a_newer_stop(bench: Bench) -> None:
    """The stop is answered at once and so overtakes it; the machine has even seen the stop when the clear comes."""
    web = Web()
    bench.do("emergency_stop")
    async with linked(bench, web):
        await soon(lambda: web.of("status", state="error"))
        began, go_on = threading.Event(), threading.Event()

        def slow(command: Any, *more: Any) -> None:
            began.set()
            go_on.wait(60)
            Machine.execute(bench.machine, command, *more)

        bench.machine.execute = slow  # type: ignore[method-assign]
        await web.say(type="command", id="1", name="annotate", args={})
        await asyncio.to_thread(began.wait, 60)
        await web.say(type="command", id="2", name="clear_error", args={})
        before = web.of("status")[-1]["error"]["since"]
        assert (await web.command("3", "emergency_stop"))["ok"] is True
        await soon(lambda: web.of("status")[-1]["error"]["since"] > before)
        go_on.set()
        await soon(lambda: web.of("reply", id="2"))
    (reply,) = web.of("reply", id="2")
    assert reply["ok"] is False and "another one" in reply["error"]["message"]
    assert bench.machine.state == State.ERROR and bench.machine.rig.loop.stopped


def test_a_page_clears_only_the_error_that_it_shows(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    rig.record()
    rig.do("emergency_stop")
    first = stopped(rig)
    rig.do("emergency_stop")
    until(lambda: rig.status()["error"]["since"] > first["error"]["since"])
    newest = rig.status()
    assert newest["message"] == first["message"] and "saved up to frame" in newest["message"]
    with pytest.raises(CommandRefused, match="another one"):
        rig.machine.execute(as_command("clear_error", since=first["error"]["since"]))
    with pytest.raises(CommandRefused, match="since: want"):
        rig.machine.execute(as_command("clear_error", since="now"))
    assert rig.status()["state"] == "error" and rig.machine.rig.loop.stopped
    rig.machine.execute(as_command("clear_error", since=newest["error"]["since"]))
    rig.idle()


def test_a_stop_while_the_error_is_being_cleared_stays_in_force(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    rig.do("emergency_stop")
    stopped(rig)
    allowing = rig.machine.rig.loop.allow_start

    def late(*seen: Any) -> Any:
        rig.machine.rig.loop.emergency_stop()
        return allowing(*seen)

    rig.machine.rig.loop.allow_start = late  # type: ignore[method-assign]
    with pytest.raises(CommandRefused, match="another one"):
        rig.do("clear_error")
    assert rig.status()["state"] == "error" and rig.machine.rig.loop.stopped
