"""Two web processes, one Redis: the rig hangs on the first, the viewer on the second."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from recorder.live.relay import watch_group

FRONT = "observation.images.front"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of our own; skips, saying so, where the machine has none."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("no redis-server here: two web processes are not tested")
    path = tmp_path_factory.mktemp("redis") / "socket"
    command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=path.parent)
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    yield f"unix://{path}"
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="module")
def two(web: Any, redis_url: str) -> Iterator[tuple[Any, Any]]:
    """The web process of this file's home is not used: both speak through Redis."""
    first, second = (type(web)(web.home, web.keys, CHANNEL_URL=redis_url).start() for _ in range(2))
    yield first, second
    for server in (first, second):
        server.stop()


async def test_it_shows_a_rig_that_hangs_on_another_process(two: Any, fake_rig: Any, listen: Any) -> None:
    first, second = two
    rig = fake_rig(first, f"rig-{uuid.uuid4().hex[:8]}")
    async with rig.running(), second.browser(f"/ws/live/{rig.name}/") as ws:
        await ws.send('{"type": "watch", "cameras": {"observation.images.front": 30}}')
        await listen.until(lambda: rig.watched == {FRONT: 30})
        await listen.words(ws, lambda m: m.get("online") is True and m["controls"] == ["record"])
        await rig.frame(0, 7)
        assert (await listen.pictures(ws, 1))[0][4:8] == (7).to_bytes(4, "big")
        await rig.say(
            {"type": "telemetry", "t": 1.0, "names": {"state": ["a"], "action": []}, "rows": [[1.0, [2.5], []]]}
        )
        assert (await listen.words(ws, lambda m: m["type"] == "telemetry" and m["rows"]))["rows"] == [[1.0, [2.5], []]]
        await rig.move("recording")
        await listen.words(ws, lambda m: m.get("state") == "recording")


async def test_it_tells_a_latecomer_the_names_and_stops_asking_when_nobody_looks(
    two: Any, fake_rig: Any, listen: Any
) -> None:
    first, second = two
    rig = fake_rig(first, f"rig-{uuid.uuid4().hex[:8]}")
    async with rig.running():
        await rig.say({"type": "telemetry", "t": 1.0, "names": {"state": ["a"], "action": []}, "rows": []})
        async with second.browser(f"/ws/live/{rig.name}/") as ws:
            await ws.send('{"type": "watch", "cameras": {"observation.images.front": 10}}')
            told = await listen.words(ws, lambda m: m["type"] == "telemetry")
            assert told["names"] == {"state": ["a"], "action": []}
            await listen.until(lambda: rig.watched == {FRONT: 10})
        await listen.until(lambda: rig.watched == {})


async def test_it_brings_a_command_across(two: Any, fake_rig: Any) -> None:
    first, second = two
    rig = fake_rig(first, f"rig-{uuid.uuid4().hex[:8]}")
    async with rig.running():
        status, _ = await second.ask("POST", f"/rigs/{rig.name}/commands/stop", {})
        assert (status, [command["name"] for command in rig.commands]) == (200, ["stop"])


async def test_it_brings_an_emergency_stop_across(two: Any, fake_rig: Any, listen: Any) -> None:
    first, second = two
    rig = fake_rig(first, f"rig-{uuid.uuid4().hex[:8]}")
    async with rig.running(), second.browser(f"/ws/live/{rig.name}/") as ws:
        await ws.send('{"type": "emergency_stop", "id": "1"}')
        assert (await listen.words(ws, lambda m: m["type"] == "reply" and m["id"] == "1"))["ok"] is True
        status, _ = await second.ask("POST", f"/rigs/{rig.name}/commands/emergency_stop", {})
        assert status == 200
        assert [command["name"] for command in rig.commands] == ["emergency_stop"] * 2


async def test_a_process_of_another_release_may_share_the_layer(two: Any, redis_url: str, fake_rig: Any) -> None:
    """What a newer one asks for is ignored; an older one sends no version, and is served."""
    first, _ = two
    layer = pytest.importorskip("channels_redis.pubsub").RedisPubSubChannelLayer(hosts=[redis_url])
    rig = fake_rig(first, f"rig-{uuid.uuid4().hex[:8]}")
    request = {"type": "rig.watch", "process": "newer", "cameras": {FRONT: 30}, "v": 2}
    older = {"type": "rig.watch", "process": "older", "cameras": {FRONT: 7}}
    async with rig.running(), asyncio.timeout(60):
        while rig.watched != {FRONT: 7}:  # until the process listens
            await layer.group_send(watch_group(rig.name), request)
            await layer.group_send(watch_group(rig.name), older)
            await asyncio.sleep(0.05)
            assert rig.watched in ({}, {FRONT: 7}), "what the newer one asked for counts"
        assert (await first.ask("POST", f"/rigs/{rig.name}/commands/stop", {}))[0] == 200


async def test_it_says_offline_soon_where_the_rigs_process_is_killed(
    web: Any, two: Any, redis_url: str, fake_rig: Any, listen: Any
) -> None:
    _, second = two
    doomed = type(web)(web.home, web.keys, CHANNEL_URL=redis_url).start()
    rig = fake_rig(doomed, f"rig-{uuid.uuid4().hex[:8]}")
    async with second.browser(f"/ws/live/{rig.name}/") as ws, rig.running():
        await listen.words(ws, lambda m: m.get("online") is True)
        doomed.stop(signal.SIGKILL)
        began = time.monotonic()
        await listen.words(ws, lambda m: m.get("online") is False)
        assert time.monotonic() - began < 15, "a dead connection would be noticed after a quarter of an hour"
        rig.speaks = False
    again = fake_rig(second, rig.name)
    async with again.running():
        assert again.first["type"] == "welcome"


async def test_it_asks_a_station_that_hangs_on_another_process(two: Any, fake_station: Any) -> None:
    first, second = two
    station = fake_station(first, f"pc-{uuid.uuid4().hex[:8]}")
    station.answer = lambda _name, _args: {"result": {"ports": [], "cameras": [], "devices_seq": 5}}
    async with station.running():
        status, said = await second.ask("GET", f"/stations/{station.name}/devices")
        assert (status, said["devices_seq"]) == (200, 5)


async def test_it_drives_a_rig_that_hangs_on_another_process(two: Any, fake_rig: Any, listen: Any) -> None:
    first, second = two
    rig = fake_rig(first, f"rig-{uuid.uuid4().hex[:8]}")
    async with rig.running(), second.browser(f"/ws/input/{rig.name}/") as page:
        await page.send('{"type": "drive", "seq": 3, "hold": false}')
        message = await listen.until(lambda: rig.inputs and rig.inputs[-1])
        body = {"seq": 3, "state": "free"}
        await rig.say({"type": "heard", "device": "teleoperator", "to": message["from"]["id"], "body": body})
        assert (await listen.words(page, lambda said: said["type"] == "drive"))["state"] == "free"
