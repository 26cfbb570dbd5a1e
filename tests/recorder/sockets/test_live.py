from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

FRONT, WRIST = "observation.images.front", "observation.images.wrist"


async def go_on(rig: Any, seq: int) -> None:
    """A small picture every now and then."""
    while True:
        await rig.frame(0, seq)
        seq += 1
        await asyncio.sleep(0.05)


async def read(ws: Any, shown: list[int]) -> None:
    """Notes the number of each picture that comes."""
    async for news in ws:
        if isinstance(news, bytes):
            shown.append(seq_of(news))
            await ws.send(drawn(0))


def drawn(*cameras: int) -> str:
    return json.dumps({"type": "drawn", "cameras": cameras})


def watch(cameras: dict[str, int]) -> str:
    return json.dumps({"type": "watch", "cameras": cameras})


def seq_of(picture: bytes) -> int:
    return int(struct.unpack_from("!BBxxIQ", picture)[2])


def camera_of(picture: bytes) -> int:
    return picture[1]


async def test_it_welcomes_a_rig_and_shows_it_idle(web: Any, rig: Any) -> None:
    async with rig.running():
        assert rig.first == {"type": "welcome", "protocol": 1, "v": 1}
        status, shown = await web.ask("GET", f"/rigs/{rig.name}")
        assert status == 200
        assert (shown["state"], shown["online"], shown["controls"]) == ("idle", True, ["record"])
        assert [camera["key"] for camera in shown["cameras"]] == [FRONT, WRIST]


async def test_it_refuses_a_rig_with_a_wrong_token(web: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with web.browser("/ws/rig/"):
            pass
    assert refused.value.response.status_code == 403


async def test_it_sends_only_pictures_that_are_watched(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as ws:
        await ws.send(watch({WRIST: 30}))
        await listen.until(lambda: rig.watched == {WRIST: 30})
        await rig.frame(0, 1)
        await rig.frame(1, 2)
        (picture,) = await listen.pictures(ws, 1)
        assert (camera_of(picture), seq_of(picture)) == (1, 2)
        assert len(picture) == 1016


async def test_it_asks_the_rig_for_what_all_viewers_want_together(web: Any, rig: Any, listen: Any) -> None:
    live = f"/ws/live/{rig.name}/"
    async with rig.running():
        async with web.browser(live) as one, web.browser(live) as two:
            await one.send(watch({FRONT: 5, WRIST: 10}))
            await two.send(watch({FRONT: 30}))
            await listen.until(lambda: rig.watched == {FRONT: 30, WRIST: 10})
            await two.close()
            await listen.until(lambda: rig.watched == {FRONT: 5, WRIST: 10})
        await listen.until(lambda: rig.watched == {})


async def test_it_says_the_last_status_at_once_and_that_the_rig_has_gone(web: Any, rig: Any, listen: Any) -> None:
    async with web.browser(f"/ws/live/{rig.name}/") as ws:
        unknown = await listen.words(ws, lambda m: m["type"] == "status")
        assert (unknown["online"], unknown["state"]) == (False, "offline")
        async with rig.running():
            shown = await listen.words(ws, lambda m: m.get("online") is True)
            assert shown["controls"] == ["record"] and len(shown["cameras"]) == 2
            async with web.browser(f"/ws/live/{rig.name}/") as late:
                assert (await listen.words(late, lambda m: True))["state"] == "idle"
        gone = await listen.words(ws, lambda m: m.get("online") is False)
        assert gone["state"] == "offline" and gone["controls"] == []


async def test_it_calls_a_rig_offline_that_is_connected_and_silent(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as ws:
        rig.speaks = False
        await listen.words(ws, lambda m: m.get("online") is False)
        rig.speaks = True
        await listen.words(ws, lambda m: m.get("online") is True)


async def test_it_forwards_telemetry_and_tells_the_names_to_latecomers(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as ws:
        names = {"state": ["a.pos"], "action": ["a.pos"]}
        await rig.say({"type": "telemetry", "t": 1.0, "names": names, "rows": [[1.0, [0.5], [float("nan")]]]})
        told = await listen.words(ws, lambda m: m["type"] == "telemetry" and "names" in m)
        assert told["names"] == names
        rows = await listen.words(ws, lambda m: m["type"] == "telemetry" and m["rows"])
        assert rows["rows"] == [[1.0, [0.5], [None]]]
        async with web.browser(f"/ws/live/{rig.name}/") as late:
            assert (await listen.words(late, lambda m: m["type"] == "telemetry"))["names"] == names


async def test_a_reader_that_stalled_gets_the_newest_status_and_picture_at_once(
    web: Any, rig: Any, listen: Any
) -> None:
    live = f"/ws/live/{rig.name}/"
    async with rig.running(), web.browser(live) as stalled, web.browser(live) as ws:
        for viewer in (stalled, ws):
            await viewer.send(watch({FRONT: 240}))
        await listen.until(lambda: rig.watched)
        stalled.transport.pause_reading()
        shown: list[int] = []
        reading = asyncio.create_task(read(ws, shown))
        for seq in range(120):
            await rig.frame(0, seq, 200_000)
            await asyncio.sleep(0.005)
        await rig.move("recording")
        newest = asyncio.create_task(go_on(rig, 1000))
        await listen.until(lambda: shown and shown[-1] >= 1000)
        stalled.transport.resume_reading()
        before: list[int] = []  # pictures that come ahead of the newest status
        async with asyncio.timeout(60):
            while isinstance(news := await stalled.recv(), bytes) or json.loads(news).get("state") != "recording":
                if isinstance(news, bytes):
                    before.append(seq_of(news))
        assert len(before) <= 2, "more than was on its way is queued up"
        if before:
            await stalled.send(drawn(*(0 for _ in before)))
        (picture,) = await listen.pictures(stalled, 1)
        assert seq_of(picture) >= 1000 and len(picture) < 200_000
        newest.cancel()
        reading.cancel()
        assert shown == sorted(set(shown)) and len(shown) > 1


async def test_it_sends_no_second_picture_before_the_first_is_drawn(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as ws:
        await ws.send(watch({FRONT: 240, WRIST: 240}))
        await listen.until(lambda: rig.watched)
        for seq in range(40):
            await rig.frame(seq % 2, seq)
            await asyncio.sleep(0.01)
        await rig.move("recording")
        got = []
        async with asyncio.timeout(60):
            while isinstance(news := await ws.recv(), bytes) or json.loads(news).get("state") != "recording":
                got += [seq_of(news)] if isinstance(news, bytes) else []
        assert len(got) == 1
        newest = asyncio.create_task(go_on(rig, 1000))
        await ws.send(drawn(0, 1))
        assert seq_of((await listen.pictures(ws, 1))[0]) >= 38, "an old picture, though newer ones were there"
        newest.cancel()


async def test_it_answers_a_ping_with_its_clock(web: Any, listen: Any) -> None:
    async with web.browser("/ws/live/nobody/") as ws:
        before = time.time()
        await ws.send('{"type": "ping", "id": 41}')
        pong = await listen.words(ws, lambda m: m["type"] == "pong")
        assert pong["id"] == 41 and before <= pong["now"] <= time.time()


async def test_a_rig_that_is_gone_is_told_with_the_take_that_it_was_recording(web: Any, rig: Any, listen: Any) -> None:
    status = rig.status()
    async with rig.running():
        rig.speaks = False
        await rig.is_shown("idle")
        await rig.say({**status, "state": "recording", "take": {"id": "17", "elapsed_s": 3.5}})
    await rig.is_shown("offline")
    async with web.browser(f"/ws/live/{rig.name}/") as ws:
        told = await listen.words(ws, lambda m: m["type"] == "status")
    assert (told["state"], told["cut_off"]["id"]) == ("offline", "17") and told["since"] > 1_790_000_000


async def test_it_refuses_a_second_rig_of_the_name_while_the_first_lives(web: Any, rig: Any, fake_rig: Any) -> None:
    second = fake_rig(web, rig.name, pid=2)
    async with rig.running():
        async with second.running():
            assert (second.first["type"], second.first["code"]) == ("refused", "in_use")
            assert rig.name in second.first["message"] and "process 1" in second.first["message"]
        assert (await web.ask("GET", f"/rigs/{rig.name}"))[1]["online"] is True
    async with asyncio.timeout(60):  # that the first has gone is noticed a moment later
        while (await web.ask("GET", f"/rigs/{rig.name}"))[1]["online"]:
            await asyncio.sleep(0.05)
    async with second.running():
        assert second.first["type"] == "welcome"


async def test_it_lets_the_same_rig_come_back_before_its_old_socket_has_died(web: Any, rig: Any, fake_rig: Any) -> None:
    again = fake_rig(web, rig.name)
    async with rig.running(), again.running():
        assert again.first["type"] == "welcome"
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(60):
                await rig.ws.wait_closed()
                await rig.say(rig.status())
        await asyncio.sleep(0.3)
        assert (await web.ask("GET", f"/rigs/{rig.name}"))[1]["online"] is True


async def test_it_refuses_another_protocol(web: Any, rig: Any) -> None:
    hello = rig.hello()
    rig.hello = lambda: {**hello, "protocol": 99}
    async with rig.running():
        assert rig.first["code"] == "protocol"


@pytest.mark.parametrize("origin", ["http://127.0.0.1.evil.example", "null", None])
async def test_it_refuses_a_socket_of_another_origin(web: Any, origin: str | None) -> None:
    with pytest.raises(InvalidStatus):
        async with web.browser("/ws/events/", origin=origin):
            pass


@pytest.mark.parametrize("path", ["/ws/events/", "/ws/live/sim/"])
async def test_it_refuses_a_stranger(web: Any, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with web.browser(path, cookie=False):
            pass
    assert refused.value.response.status_code == 403


MALFORMED = [
    ("no json", 1008),
    ("[1]", 1008),
    ('{"type": "dance"}', 1008),
    ('{"type": "watch"}', 1008),
    ('{"type": "watch", "cameras": {}, "v": 2}', 1008),
    ('{"type": "watch", "cameras": {"a": NaN}}', 1008),
    ('{"type": "watch", "cameras": {"a": 1e9}}', 1008),
    ('{"type": "watch", "cameras": {"a": 1' + "0" * 400 + "}}", 1008),
    ('{"type": "drawn"}', 1008),
    ('{"type": "drawn", "cameras": [-1]}', 1008),
    ('{"type": "ping", "id": 1e400}', 1008),
    ('{"type": "ping", "id": "1"}', 1008),
    ('{"a":' * 50_000 + "1" + "}" * 50_000, 1009),
    ('{"a":' * 5_000 + "1" + "}" * 5_000, 1008),
    (b"bytes", 1008),
    ("x" * 9_000_000, 1009),
]


@pytest.mark.parametrize(("message", "code"), MALFORMED, ids=range(len(MALFORMED)))
async def test_it_closes_a_viewers_socket_that_talks_nonsense(web: Any, message: Any, code: int) -> None:
    async with web.browser("/ws/live/nobody/") as ws:
        with contextlib.suppress(ConnectionClosed):  # closed while we still speak
            await ws.send(message)
        async with asyncio.timeout(60):
            await ws.wait_closed()
        assert ws.close_code == code


async def test_it_closes_a_viewers_socket_that_talks_too_much(web: Any) -> None:
    async with web.browser("/ws/live/nobody/") as ws:
        with pytest.raises(ConnectionClosed):
            for _ in range(500):
                await ws.send('{"type": "watch", "cameras": {}}')
                await asyncio.sleep(0)
            await ws.wait_closed()
            await ws.send("{}")
        assert ws.close_code == 1008


NONSENSE = [b"\x01\x09\x00\x00" + bytes(20), b"\x07" + bytes(20), b"", '{"type": 3}', "{", '{"type":"take"}']


@pytest.mark.parametrize("message", NONSENSE, ids=range(len(NONSENSE)))
async def test_it_closes_a_rigs_socket_that_talks_nonsense(web: Any, rig: Any, message: Any) -> None:
    async with rig.running():
        await rig.ws.send(message)
        async with asyncio.timeout(60):
            await rig.ws.wait_closed()
        assert rig.ws.close_code == 1008


async def test_it_passes_over_what_a_newer_rig_says(web: Any, rig: Any) -> None:
    async with rig.running():
        await rig.say({"type": "poem", "text": "roses"})
        await asyncio.sleep(0.2)
        assert (await web.ask("GET", f"/rigs/{rig.name}"))[1]["online"] is True
