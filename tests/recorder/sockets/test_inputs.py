"""What a page sends to drive a rig: it reaches the rig, the newest first, and the rig's answer comes back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

DRIVE = {"type": "drive", "v": 1, "seq": 1, "hold": True, "echo": 4.5, "targets": {"a.pos": 2.0}, "rates": {}}
JOINT = {"name": "a.pos", "label": "a", "low": -1, "high": 1, "speed": 2, "keys": ["q", "a"]}


def heard(message: dict[str, Any], **body: Any) -> dict[str, Any]:
    """A rig's answer to an `input`."""
    answer = {"seq": message["body"]["seq"], "state": "driving", **body}
    return {"type": "heard", "device": message["device"], "to": message["from"]["id"], "body": answer}


async def test_a_message_reaches_the_rig_with_its_sender_and_is_answered(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running(), web.browser(f"/ws/input/{rig.name}/") as page:
        await page.send(json.dumps(DRIVE))
        message = await listen.until(lambda: rig.inputs and rig.inputs[-1])
        assert (message["v"], message["device"], message["from"]["name"]) == (1, "teleoperator", "olga")
        assert message["body"] == {key: DRIVE[key] for key in ("seq", "hold", "echo", "targets", "rates")}
        await rig.say(heard(message, driver="olga"))
        answer = await listen.words(page, lambda said: said["type"] == "drive")
        assert answer == {"type": "drive", "v": 1, "seq": 1, "state": "driving", "driver": "olga"}


async def test_a_page_that_goes_lets_go(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running():
        async with web.browser(f"/ws/input/{rig.name}/") as page:
            await page.send(json.dumps(DRIVE))
            await listen.until(lambda: rig.inputs)
        await listen.until(lambda: rig.inputs[-1]["body"]["hold"] is False)
        assert len({message["from"]["id"] for message in rig.inputs}) == 1


async def test_a_rig_that_is_offline_says_so_and_is_found_when_it_is_back(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running():
        pass
    await rig.is_shown("offline")
    async with web.browser(f"/ws/input/{rig.name}/") as page:
        await page.send(json.dumps(DRIVE))
        assert (await listen.words(page, lambda said: True))["state"] == "offline"
        async with rig.running(), asyncio.timeout(60):
            while not rig.inputs:
                await page.send(json.dumps(DRIVE))
                await asyncio.sleep(0.05)


async def test_an_answer_goes_only_to_a_page_that_asked_this_rig(
    web: Any, rig: Any, fake_rig: Any, listen: Any
) -> None:
    other = fake_rig(web, f"{rig.name}-b")
    async with rig.running(), other.running(), web.browser(f"/ws/input/{rig.name}/") as page:
        await page.send(json.dumps(DRIVE))
        message = await listen.until(lambda: rig.inputs and rig.inputs[-1])
        await other.say(heard(message, driver="mallory"))
        await rig.say({"type": "heard", "device": "teleoperator", "to": "nobody", "body": {}})
        await other.move("recording")
        await rig.say(heard(message, driver="olga"))
        assert (await listen.words(page, lambda said: True))["driver"] == "olga"


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("no JSON", 1008, "not valid JSON"),
        ('{"type": "steer"}', 1008, "drive"),
        (json.dumps({**DRIVE, "v": 9}), 1008, "version 9"),
        (json.dumps({**DRIVE, "targets": {"x" * 9000: 1}}), 1009, "too big"),
        (b"\x00", 1008, "takes text"),
    ],
)
async def test_what_is_no_message_ends_the_socket(web: Any, rig: Any, text: Any, code: int, why: str) -> None:
    async with rig.running(), web.browser(f"/ws/input/{rig.name}/") as page:
        await page.send(text)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(page.recv(), 60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code
        assert why in closed.value.rcvd.reason
        assert rig.inputs == []


async def test_only_somebody_who_is_signed_in_drives_a_rig_that_exists(web: Any, rig: Any) -> None:
    async with rig.running():
        for more in ({"cookie": False}, {"origin": "http://elsewhere.example"}):
            with pytest.raises(Exception, match="403"):
                async with web.browser(f"/ws/input/{rig.name}/", **more):
                    pass
        async with web.browser("/ws/input/nobody/") as page:
            with pytest.raises(ConnectionClosed, match="has never connected"):
                await asyncio.wait_for(page.recv(), 60)


async def test_a_page_learns_what_it_can_drive(web: Any, rig: Any, listen: Any) -> None:
    odd = {"joints": [JOINT, 7, {**JOINT, "low": "far"}], "hold_button": 5}
    rig.described = {"teleoperator": odd, "other": {"new": 1}}
    async with rig.running(), web.browser(f"/ws/live/{rig.name}/") as page:
        status = await listen.words(page, lambda said: said.get("online") is True)
        joints = status["inputs"]["teleoperator"]["joints"]
        assert joints[0] == JOINT and "low" not in joints[1] and len(joints) == 2
    await rig.is_shown("offline")
    async with web.browser(f"/ws/live/{rig.name}/") as page:
        status = await listen.words(page, lambda said: said.get("online") is False)
        assert status["inputs"]["teleoperator"]["hold_button"] == 5
