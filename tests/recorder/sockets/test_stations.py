"""Stations at the real web process: who is believed, what the pages are told, and questions with their answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.fake_station import PATIENCE_S, FakeStation, rig_process

TEXT = '[rig]\nname = "arm"\nfps = 30\n[robot]\nkind = "sim"\n[teleoperator]\nkind = "autopilot"\n'


async def shown(web: Any, name: str, **wanted: Any) -> dict[str, Any]:
    """What the API says of the station, once it says this."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, said = await web.ask("GET", f"/stations/{name}")
            if all(said.get(key) == value for key, value in wanted.items()):
                return dict(said)
            await asyncio.sleep(0.05)


async def closed(station: FakeStation) -> int:
    assert station.ws is not None
    async with asyncio.timeout(PATIENCE_S):
        await station.ws.wait_closed()
    return int(station.ws.close_code or 0)


async def test_it_shows_a_station_with_its_rigs_and_follows_them(web: Any, station: FakeStation) -> None:
    station.rigs = [rig_process("arm", last_words=["one", "two"])]
    async with station.running():
        assert station.first["type"] == "welcome"
        said = await shown(web, station.name, online=True)
        assert (said["folder"], said["software"], said["python"]) == ("/rigs", "test", "/usr/bin/python3")
        assert [(rig["name"], rig["state"], rig["last_words"]) for rig in said["rigs"]] == [
            ("arm", "stopped", ["one", "two"])
        ]
        station.rigs, station.devices_seq = [rig_process("arm", state="running", pid=7)], 3
        await station.report()
        said = await shown(web, station.name, devices_seq=3)
        assert (said["rigs"][0]["state"], said["rigs"][0]["pid"]) == ("running", 7)
    await shown(web, station.name, online=False)


async def test_the_pages_are_told_what_moved(web: Any, station: FakeStation, listen: Any) -> None:
    async with station.running(), web.browser("/ws/events/") as page:
        news = await listen.words(page, lambda said: said.get("kind") == "station" and said["id"] == station.name)
        assert news["state"] == "online"
        station.devices_seq = 1
        await listen.words(page, lambda said: said.get("kind") == "station" and said["id"] == station.name)


async def test_a_silent_station_is_offline_until_it_speaks_again(web: Any, station: FakeStation) -> None:
    async with station.running():
        station.speaks = False
        await shown(web, station.name, online=False)
        status, said = await web.ask("GET", f"/stations/{station.name}/devices")
        assert (status, said["error"]["code"]) == (409, "offline")
        station.speaks = True
        await shown(web, station.name, online=True)


async def test_nobody_is_believed_without_the_token(web: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with FakeStation(web.port, "another token", "stranger").running():
            pass
    assert refused.value.response.status_code == 403


async def test_a_second_station_of_that_name_is_refused_and_the_same_process_takes_over(
    web: Any, station: FakeStation, fake_station: Any
) -> None:
    async with station.running():
        async with fake_station(web, station.name, pid=2).running() as other:
            assert (other.first["type"], other.first["code"]) == ("refused", "in_use")
        async with fake_station(web, station.name, pid=1).running() as again:
            assert again.first["type"] == "welcome"
            assert await closed(station) == 4409
            await shown(web, station.name, online=True)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "state", "rigs": 5, "devices_seq": 0},
        {"type": "state", "rigs": [{"name": "../x"}], "devices_seq": 0},
        {"type": "state", "rigs": [rig_process(f"rig-{number}") for number in range(33)], "devices_seq": 0},
        {"type": "state", "rigs": [], "devices_seq": "many"},
        {"type": "answer", "id": 5, "ok": True},
        {"type": "state", "v": 2},
    ],
    ids=lambda message: json.dumps(message)[:40],
)
async def test_a_malformed_message_ends_the_connection(web: Any, station: FakeStation, message: Any) -> None:
    async with station.running():
        assert station.ws is not None
        await station.ws.send(json.dumps({"v": 1, **message}))
        assert await closed(station) == 1008


async def test_odd_texts_are_cut_and_unknown_messages_ignored(web: Any, station: FakeStation) -> None:
    station.rigs = [rig_process("arm", problem="x" * 9000, last_words=["y" * 5000, 7, *"abc"], since="never")]
    async with station.running():
        await station.say({"type": "from the future"})
        (rig,) = (await shown(web, station.name, online=True))["rigs"]
        assert (len(rig["problem"]), [len(line) for line in rig["last_words"]], rig["since"]) == (
            4000,
            [1000, 1, 1, 1],
            0,
        )


async def test_a_question_comes_back_with_its_checked_answer(web: Any, station: FakeStation) -> None:
    port = {"path": "/dev/serial/by-id/arm", "node": "/dev/ttyACM0", "name": "Arm", "vid_pid": "1a86:55d3"}
    camera = {"url": "v4l2:/dev/video0", "formats": [{"pixel_format": "mjpeg", "width": 640, "height": 480, "fps": 30}]}
    station.answer = lambda _name, _args: {"result": {"ports": [port], "cameras": [camera], "devices_seq": 4, "new": 1}}
    async with station.running():
        status, said = await web.ask("GET", f"/stations/{station.name}/devices")
        assert (status, said["ports"][0]["path"], said["ports"][0]["holder"]) == (200, port["path"], "")
        assert said["cameras"][0]["formats"][0]["fps"] == 30 and "new" not in said
        assert [(ask["name"], ask["args"]) for ask in station.asked] == [("devices", {})]


async def test_an_answer_of_another_shape_is_refused(web: Any, station: FakeStation) -> None:
    station.answer = lambda _name, _args: {"result": {"ports": "none"}}
    async with station.running():
        status, said = await web.ask("GET", f"/stations/{station.name}/devices")
        assert (status, said["error"]["code"]) == (500, "bad_answer")
        assert "ports" in said["error"]["message"]


async def test_the_stations_own_refusal_reaches_the_person(web: Any, station: FakeStation) -> None:
    errors = [{"line": 3, "key": "rig.fps", "message": "is 0"}]
    said: dict[str, Any] = {"code": "invalid", "message": "2 errors", "errors": errors}
    station.answer = lambda _name, _args: {"error": said}
    async with station.running():
        status, answer = await web.ask("POST", f"/stations/{station.name}/rigs", {"text": TEXT})
        assert (status, answer["error"]["code"], answer["error"]["detail"]["errors"]) == (422, "invalid", errors)
        said |= {"code": "changed", "message": "somebody changed it"}
        status, answer = await web.ask("PUT", f"/stations/{station.name}/rigs/arm", {"text": TEXT, "version": "v1"})
        assert (status, answer["error"]["code"]) == (409, "changed")


async def test_rigs_are_written_ordered_and_removed(web: Any, station: FakeStation, fake_rig: Any) -> None:
    station.answer = lambda name, _args: {"result": {"version": "v2"} if name == "write_rig" else {}}
    path = f"/stations/{station.name}/rigs"
    async with fake_rig(web, "arm-of-it").running():
        pass
    text = TEXT.replace("arm", "arm-of-it")
    async with station.running():
        assert await web.ask("POST", path, {"text": text}) == (201, {"name": "arm-of-it", "version": "v2"})
        assert (await web.ask("POST", f"{path}/arm-of-it/start"))[0] == 200
        assert (await web.ask("POST", f"{path}/arm-of-it/fly"))[1]["error"]["code"] == "unknown_order"
        status, said = await web.ask("PUT", f"{path}/other", {"text": text, "version": "v2"})
        assert (status, said["error"]["code"]) == (409, "renamed")
        assert (await web.ask("DELETE", f"{path}/arm-of-it"))[0] == 200
        asked = [(ask["name"], ask["args"]) for ask in station.asked]
        assert asked == [
            ("write_rig", {"name": "arm-of-it", "text": text, "version": None}),
            ("start_rig", {"name": "arm-of-it"}),
            ("remove_rig", {"name": "arm-of-it"}),
        ]
        assert (await web.ask("GET", "/rigs/arm-of-it"))[0] == 404  # nothing refers to its row


async def test_a_change_is_not_repeated_where_the_connection_is_lost(web: Any, station: FakeStation) -> None:
    station.answer = lambda _name, _args: None
    async with station.running():
        order = asyncio.create_task(web.ask("POST", f"/stations/{station.name}/rigs/arm/stop"))
        async with asyncio.timeout(PATIENCE_S):
            while not station.asked:
                await asyncio.sleep(0.02)
    status, said = await order
    assert (status, said["error"]["code"]) == (504, "no_answer")
    assert len(station.asked) == 1


async def test_a_question_without_effect_is_asked_again_after_a_reconnect(
    web: Any, station: FakeStation, fake_station: Any
) -> None:
    station.answer = lambda _name, _args: None
    async with station.running():
        question = asyncio.create_task(web.ask("GET", f"/stations/{station.name}/devices"))
        async with asyncio.timeout(PATIENCE_S):
            while not station.asked:
                await asyncio.sleep(0.02)
    again = fake_station(web, station.name)
    again.answer = lambda _name, _args: {"result": {"ports": [], "cameras": []}}
    async with again.running():
        assert (await question)[0] == 200


async def test_nothing_is_taken_before_hello(web: Any, station: FakeStation) -> None:
    station.hello = lambda: {"type": "state", "rigs": [], "devices_seq": 0}  # type: ignore[method-assign]
    with pytest.raises(ConnectionClosed) as ended:
        async with station.running():
            pass
    assert ended.value.rcvd is not None and ended.value.rcvd.code == 1008
