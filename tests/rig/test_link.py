from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from robotdata.rig import link as links
from robotdata.rig.link import Link
from robotdata.rig.previews import unpack_preview
from robotdata.video.jpeg import jpeg_size
from tests.rig.conftest import FRONT, Bench
from tests.support.rig_link import Web, linked, soon


async def test_it_says_who_it_is_and_how_it_goes(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: len(web.of("status")) >= 3 and len(web.of("telemetry")) >= 3)
    hello = web.heard[0]
    assert (hello["type"], hello["protocol"], hello["rig"]["name"]) == ("hello", 1, "bench")
    assert [camera["name"] for camera in hello["rig"]["cameras"]] == ["front", "top"]
    assert hello["rig"]["features"][FRONT]["shape"] == [64, 288, 3]
    assert web.tokens == ["Bearer secret"]
    first, second = web.of("telemetry")[:2]
    assert first["names"]["action"][0] == "shoulder_pan.pos" and "names" not in second
    t, state, action = second["rows"][0]
    assert (len(state), len(action)) == (6, 6) and t > 1.6e9
    numbers = [status["seq"] for status in web.of("status")]
    assert numbers == sorted(set(numbers))


async def test_it_records_when_it_is_told_to_and_says_that_it_did(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status", state="idle"))
        assert (await web.command("1", "record", task="push"))["ok"]
        await soon(lambda: any(s["take"] and s["take"]["ticks"] > 3 for s in web.of("status", state="recording")))
        refused = await web.command("2", "record")
        assert (refused["ok"], refused["error"]["code"]) == (False, "not_allowed")
        assert (await web.command("3", "stop"))["ok"]
        await soon(lambda: web.of("take", event="saved"))
    take = web.of("take", event="saved")[0]["take"]
    assert take["ticks"] > 3 and take["task"] == "push" and take["end_reason"] == "stop"
    assert web.of("take", event="started")[0]["take"]["id"] == take["id"]


@pytest.mark.parametrize(
    ("message", "code"),
    [({"name": "explode"}, "bad_args"), ({"name": "record", "args": {"task": 5}}, "bad_args")],
)
async def test_it_answers_nonsense_in_words(bench: Bench, message: dict[str, Any], code: str) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status"))
        await web.say(type="command", id="x", **message)
        await soon(lambda: web.of("reply"))
    assert web.of("reply")[0]["error"]["code"] == code


async def test_what_was_long_on_its_way_is_refused_whatever_the_clocks_say(bench: Bench) -> None:
    """A stalled network brings a command when the person has long turned away."""
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status", state="idle"))
        newest = web.of("status")[-1]["clock"]
        late = {"echo": newest - 60, "held_s": 1.5}
        for identity, name in enumerate(("record", "replay", "preflight", "stop")):
            await web.say(type="command", id=f"late-{identity}", name=name, args={}, **late)
            await soon(lambda wanted=f"late-{identity}": web.of("reply", id=wanted))
            error = web.of("reply", id=f"late-{identity}")[0]["error"]
            assert error["code"] == "late" and "60 s" not in error["message"] and "do it again" in error["message"]
        assert bench.machine.state == "idle" and not bench.events
        await web.say(type="command", id="1", name="record", args={}, echo=newest - 60, held_s=60)
        await soon(lambda: web.of("reply", id="1"))
        assert web.of("reply", id="1")[0]["ok"], "it was sent a minute after that status, and came at once"
        await web.say(type="command", id="2", name="emergency_stop", args={}, **late)
        await soon(lambda: web.of("status", state="error"))
        assert web.of("reply", id="2")[0]["ok"], "an emergency stop is never too late"


async def test_it_sends_pictures_of_watched_cameras_only(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status"))
        await web.say(type="watch", cameras={FRONT: 30})
        await soon(lambda: len(web.previews) > 5)
        await web.say(type="watch", cameras={})
    seen = [unpack_preview(data) for data in web.previews]
    assert {camera for camera, *_ in seen} == {0}
    assert [seq for _, seq, *_ in seen] == sorted({seq for _, seq, *_ in seen})
    assert jpeg_size(seen[0][3]) == (288, 64)
    assert abs(seen[-1][2] / 1e9 - web.of("status")[-1]["since"]) < 60


async def test_changes_and_pictures_wait_for_no_timer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATUS_EVERY_S", "_AT_REST_STATUS_EVERY_S", "TELEMETRY_EVERY_S", "_UNWATCHED_TELEMETRY_EVERY_S"):
        monkeypatch.setattr(links, name, 3600.0)
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status"))
        await web.say(type="watch", cameras={FRONT: 30})
        await soon(lambda: len(web.previews) > 5)
        await web.say(type="watch", cameras={})
        assert (await web.command("1", "record", task="push"))["ok"]
        await soon(lambda: web.of("status", state="recording"))
        await asyncio.to_thread(bench.ticks, 3)
        assert (await web.command("2", "stop"))["ok"]
        await soon(lambda: web.of("take", event="saved") and web.of("status")[-1]["state"] == "idle")
    assert len(web.of("telemetry")) == 1
    assert len(web.of("status")) < 20, "a status for each change, and none in between"


async def test_it_records_on_when_the_web_goes_and_says_so_when_it_is_back(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status", state="idle"))
        await web.command("1", "record")
        await soon(lambda: web.of("take", event="started"))  # its folder is there, for the next `hello` to list
        assert web.socket is not None
        before = bench.machine.take.ticks if bench.machine.take else 0
        web.socket.transport.abort()
        await soon(lambda: len(web.of("hello")) == 2)
        assert web.of("hello")[1]["status"]["state"] == "recording"
        await soon(lambda: bench.machine.take is not None and bench.machine.take.ticks > before + 5)
        assert (await web.command("1", "record"))["ok"]  # the web asks again: it was done
        await web.command("2", "stop")
    assert [entry["state"] for entry in web.of("hello")[1]["takes"]] == ["recording"]


async def test_it_shows_why_it_is_refused(bench: Bench) -> None:
    web = Web()
    web.greeting = {"type": "refused", "code": "token", "message": "this token was revoked"}
    async with linked(bench, web) as link:
        await soon(lambda: "revoked" in (link.problem or ""))
    assert bench.machine.state == "idle"


async def test_it_survives_a_web_that_talks_nonsense(bench: Bench) -> None:
    web = Web()
    async with linked(bench, web):
        await soon(lambda: web.of("status"))
        assert web.socket is not None
        await web.socket.send("{not json")
        await soon(lambda: len(web.of("hello")) == 2)


async def test_it_says_what_to_do_where_its_token_is_not_the_webs(bench: Bench) -> None:
    def forbid(socket: ServerConnection, _request: Any) -> Any:
        return socket.respond(403, "no")

    async with serve(Web().handle, "127.0.0.1", 0, process_request=forbid) as server:
        link = Link(bench.machine, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/rig/", "wrong")
        link.start()
        await soon(lambda: "--token-file" in (link.problem or ""))
        await asyncio.to_thread(link.stop)
