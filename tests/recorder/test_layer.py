"""Messages between web processes carry a version: a newer one is ignored, one of an older process is read."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer

from recorder.errors import Refused
from recorder.live import rig_commands
from recorder.live.consumers import RigConsumer
from recorder.live.hub import Hub, Viewer
from recorder.live.layer import VERSION, is_readable
from recorder.live.relay import Inbound, feed_group, watch_group
from recorder.models import Rig


async def told(viewer: Viewer, rows: list[int]) -> None:
    """Wait until the viewer has got the telemetry of these rows, in this order, and no other."""
    got: list[int] = []
    async with asyncio.timeout(60):
        while len(got) < len(rows):
            got += json.loads(await viewer.next()).get("rows", [])
    assert got == rows


async def test_a_feed_of_a_newer_process_is_ignored() -> None:
    hub, viewer, layer = Hub(), Viewer(), get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(watch_group("arm"), channel)
    Inbound(hub)
    hub.join("arm", viewer)
    request = await asyncio.wait_for(layer.receive(channel), 60)
    assert (request["type"], request["v"]) == ("rig.watch", VERSION)
    for row, more in enumerate([{"v": 2}, {"v": 0}, {"v": "1"}, {}, {"v": 1}]):
        news = json.dumps({"type": "telemetry", "t": time.time(), "rows": [row]})
        await layer.group_send(feed_group("arm"), {"type": "feed.words", "rig": "arm", "news": news, **more})
    await told(viewer, [3, 4])


async def test_a_command_of_a_newer_process_is_not_sent_to_the_rig() -> None:
    consumer, sent = RigConsumer(), []
    consumer.waiting = {}

    async def say(message: dict[str, Any]) -> None:
        sent.append(message["id"])

    consumer.say = say  # type: ignore[method-assign]
    for number, more in enumerate([{"v": 2}, {}, {"v": 1}]):
        event = {"type": "rig.command", "id": str(number), "name": "stop", "args": {}, "reply_to": "here"}
        await consumer.rig_command({**event, **more})
    assert sent == ["1", "2"]


@pytest.mark.parametrize(("more", "code"), [({"v": 2}, "no_answer"), ({}, ""), ({"v": 1}, "")])
async def test_an_answer_of_a_newer_process_is_refused(more: dict[str, Any], code: str) -> None:
    layer = get_channel_layer()
    assert isinstance(layer, InMemoryChannelLayer)
    rig = Rig(name="arm", connection=await layer.new_channel())

    async def answer() -> None:
        command = await layer.receive(rig.connection)
        assert command["v"] == VERSION
        reply = {"type": "reply", "id": command["id"], "ok": True}
        await layer.send(command["reply_to"], {"type": "command.reply", "reply": reply, **more})

    answering = asyncio.create_task(answer())
    asked = rig_commands._ask(rig, "stop", {}, 60, "1")
    if code:
        with pytest.raises(Refused) as refused:
            await asked
        assert (refused.value.code, refused.value.status) == (code, 504)
    else:
        assert (await asked)["ok"]
    await answering


def test_a_message_that_cannot_be_read_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert not is_readable({"type": "rig.watch", "v": 77})
    assert caplog.text.count("version 77") == 1
