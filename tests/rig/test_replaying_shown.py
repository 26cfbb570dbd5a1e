"""A replay moves the robot only while a page shows it and the server is there."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from robotdata.capture.inputs import InputError, Sender
from robotdata.rig import link as link_module
from robotdata.rig import watchers
from robotdata.rig.replay_args import parts_of
from robotdata.rig.states import State
from robotdata.rig.status import Reporter
from tests.rig.conftest import Bench, until
from tests.support.replayed import FPS, holds, start, wave
from tests.support.rig_link import Web, linked, soon


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
