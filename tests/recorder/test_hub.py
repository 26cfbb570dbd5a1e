from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

import pytest

from recorder.hub import Hub, Viewer

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
STATUS = {"state": "idle", "online": True, "cameras": [{"key": FRONT}, {"key": WRIST}]}


def picture(camera: int, seq: int) -> bytes:
    return struct.pack("!BBxxIQ", 1, camera, seq, 0) + b"jpeg"


def seqs(news: list[str | bytes]) -> list[int]:
    return [struct.unpack_from("!BBxxIQ", one)[2] for one in news if isinstance(one, bytes)]


async def fresh(viewer: Viewer) -> list[str | bytes]:
    async with asyncio.timeout(10):
        return await viewer.next()


async def test_it_keeps_only_the_newest_picture_of_each_camera() -> None:
    hub, viewer = Hub(), Viewer()
    hub.attach("sim", lambda _wanted: None).publish_status(STATUS)
    feed = hub.join("sim", viewer)
    hub.watch("sim", viewer, {FRONT: 240, WRIST: 240})
    for seq in range(5):
        feed.publish_frame(picture(0, seq))
        feed.publish_frame(picture(1, 100 + seq))
        await asyncio.sleep(0.01)
    assert seqs(await fresh(viewer)) == [4, 104]


async def test_it_gives_ten_of_thirty_where_ten_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("recorder.hub.time.monotonic", lambda: now)
    hub, viewer, got = Hub(), Viewer(), 0
    hub.attach("sim", lambda _wanted: None).publish_status(STATUS)
    feed = hub.join("sim", viewer)
    hub.watch("sim", viewer, {FRONT: 10})
    await fresh(viewer)
    for seq in range(300):
        now += 1 / 30 + (0.003 if seq % 2 else -0.003)  # a camera's jitter
        feed.publish_frame(picture(0, seq))
        got += len(seqs(viewer._drain()))
    assert 95 <= got <= 106


async def test_it_loses_the_oldest_telemetry_of_a_slow_viewer_but_never_the_names() -> None:
    hub, viewer = Hub(), Viewer()
    feed = hub.attach("sim", lambda _wanted: None)
    hub.join("sim", viewer)
    for number in range(500):
        message: dict[str, Any] = {"type": "telemetry", "t": number, "rows": [[number, [], []]]}
        feed.publish_telemetry(message | ({"names": {"state": ["a"]}} if not number else {}))
    heard = [json.loads(one) for one in await fresh(viewer)]
    assert heard[0]["names"] == {"state": ["a"]}
    assert heard[-1]["t"] == 499 and len(heard) <= 60


async def test_it_forgets_a_rig_that_nobody_has_and_nobody_watches() -> None:
    hub, viewer, asked = Hub(), Viewer(), []
    hub.attach("sim", asked.append).publish_status(STATUS)
    hub.join("sim", viewer)
    hub.watch("sim", viewer, {FRONT: 5})
    hub.detach("sim", asked.append)
    assert "sim" in hub.feeds
    hub.leave("sim", viewer)
    assert hub.feeds == {} and asked == [{}, {FRONT: 5}]


async def test_it_refuses_a_picture_that_is_none() -> None:
    hub = Hub()
    feed = hub.attach("sim", lambda _wanted: None)
    feed.publish_status(STATUS)
    for data in (b"", b"\x01" * 16, picture(2, 0), b"\x09" + picture(0, 0)[1:]):
        with pytest.raises(ValueError, match="preview"):
            feed.publish_frame(data)
