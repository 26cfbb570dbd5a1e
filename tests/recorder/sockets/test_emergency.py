"""An emergency stop reaches the rig whatever the web process, its database and its limits are busy with."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from recorder.live.rig_commands import PER_SECOND


def stops(rig: Any) -> list[str]:
    return [command["id"] for command in rig.commands if command["name"] == "emergency_stop"]


async def press(viewer: Any, listen: Any) -> dict[str, Any]:
    """Ask for it over a browser's socket; return the answer."""
    command = str(uuid.uuid4())
    await viewer.send(json.dumps({"type": "emergency_stop", "id": command}))
    return dict(await listen.words(viewer, lambda said: said["type"] == "reply" and said["id"] == command))


@contextmanager
def held(web: Any) -> Iterator[None]:
    """Nobody else can write to the database, and a token's last use would have to be written."""
    with closing(sqlite3.connect(web.home / ".state/robotdata.sqlite3", isolation_level=None, timeout=60)) as database:
        database.execute("UPDATE recorder_apitoken SET last_used_at = NULL")
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")


async def test_it_goes_over_the_open_socket_and_comes_back_confirmed(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as viewer:
        reply = await press(viewer, listen)
        assert reply["ok"] is True and stops(rig) == [reply["id"]]


async def test_an_id_that_is_too_long_is_cut_and_the_rig_stays_connected(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as viewer:
        await viewer.send(json.dumps({"type": "emergency_stop", "id": "x" * 100}))
        reply = await listen.words(viewer, lambda said: said["type"] == "reply")
        assert (reply["id"], reply["ok"], stops(rig)) == ("x" * 64, True, ["x" * 64])


async def test_it_is_a_command_of_the_api_too(web: Any, rig: Any) -> None:
    async with rig.running():
        status, reply = await web.ask("POST", f"/rigs/{rig.name}/commands/emergency_stop", {})
        assert (status, reply["ok"], stops(rig)) == (200, True, [reply["id"]])


async def test_it_does_not_wait_for_a_database_that_is_held(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as viewer:
        await listen.words(viewer, lambda said: said["type"] == "status")
        with held(web):
            assert (await press(viewer, listen))["ok"] is True
            status, _ = await web.ask("POST", f"/rigs/{rig.name}/commands/emergency_stop", {})
            assert status == 200 and len(stops(rig)) == 2


async def test_no_limit_applies_to_it(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as viewer:
        count = 3 * PER_SECOND
        asked = [web.ask("POST", f"/rigs/{rig.name}/commands/emergency_stop", {}) for _ in range(count)]
        assert {status for status, _ in await asyncio.gather(*asked)} == {200}
        for _ in range(400):
            await viewer.send(json.dumps({"type": "emergency_stop", "id": "again"}))
        assert (await press(viewer, listen))["ok"] is True


async def test_it_overtakes_a_command_that_the_rig_does_not_answer(web: Any, rig: Any) -> None:
    rig.answer = lambda command: {"ok": True, "error": None} if command["name"] == "emergency_stop" else None
    async with rig.running():
        waiting = asyncio.create_task(web.ask("POST", f"/rigs/{rig.name}/commands/stop", {}))
        status, _ = await web.ask("POST", f"/rigs/{rig.name}/commands/emergency_stop", {})
        assert status == 200
        assert (await waiting)[0] == 504


async def test_it_says_at_once_that_it_cannot_reach_a_rig(web: Any, rig: Any) -> None:
    status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/emergency_stop", {})
    assert (status, answer["error"]["code"]) == (409, "offline") and "power switch" in answer["error"]["message"]
    rig.answer = lambda command: None
    async with rig.running():
        status, answer = await web.ask("POST", f"/rigs/{rig.name}/commands/emergency_stop", {})
        assert (status, answer["error"]["code"]) == (504, "no_answer") and "power switch" in answer["error"]["message"]


async def test_only_who_has_signed_in_may_send_it(web: Any, rig: Any) -> None:
    async with rig.running():
        path = f"/rigs/{rig.name}/commands/emergency_stop"
        status, _ = await asyncio.to_thread(web.api, "POST", path, {}, Authorization="Bearer wrong")
        assert status in (401, 403) and not stops(rig)
