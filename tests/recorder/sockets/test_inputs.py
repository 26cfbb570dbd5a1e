"""What a page sends to drive a rig: it reaches the rig, the newest first, and the rig's answer comes back."""

from __future__ import annotations

import asyncio
import contextlib
import http.cookiejar
import json
import struct
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from recorder.live.inputs import InputRelay
from robotdata.rig.browser_inputs import MAX_RIG_HEAD_BYTES, pack_picture, unpack_picture
from tests.support import programs

ROOT = Path(__file__).resolve().parents[3]
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


PHONE = {"cameras": ["observation.images.front"]}
FRAME = {"type": "frame", "seq": 2, "age_s": 0.01, "echo": 4.5, "held_s": 0.0}


async def test_a_frame_reaches_the_rig_with_its_picture(web: Any, rig: Any, listen: Any) -> None:
    async with rig.running():
        async with web.browser(f"/ws/camera/{rig.name}/front/") as page:
            await page.send(pack_picture(FRAME, b"a picture"))
            message, jpeg = unpack_picture(await listen.until(lambda: rig.pictures and rig.pictures[-1]))
            assert (message["device"], message["from"]["name"]) == ("observation.images.front", "olga")
            assert jpeg == b"a picture"
            assert message["body"] == {key: FRAME[key] for key in ("seq", "age_s", "echo", "held_s")}
            await rig.say(heard(message, clock=7.5))
            answer = await listen.words(page, lambda said: said["type"] == "frame")
            assert (answer["seq"], answer["clock"]) == (2, 7.5)
        await listen.until(lambda: rig.inputs and rig.inputs[-1]["body"].get("bye"))


LONG_HEAD = pack_picture({**FRAME, "odd": "x" * 2048}, b"a picture")


@pytest.mark.parametrize(
    ("data", "code"), [(b"\x00\x07\x00\x00", 1008), (bytes(1_000_000), 1009), ("{}", 1008), (LONG_HEAD, 1008)]
)
async def test_what_is_no_frame_ends_the_socket(web: Any, rig: Any, data: Any, code: int) -> None:
    async with rig.running(), web.browser(f"/ws/camera/{rig.name}/front/") as page:
        await page.send(data)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(page.recv(), 60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code


async def test_no_head_of_a_frame_keeps_other_messages_from_the_rig(web: Any, rig: Any, listen: Any) -> None:
    head = {"type": "frame", "v": 1, "seq": 1}
    grows = json.dumps({**head, "odd": "\x7f" * 1900}, ensure_ascii=False).encode()  # six times that as ASCII
    largest = json.dumps({**head, "odd": "x" * 65_470}).encode()
    async with rig.running():
        async with web.browser(f"/ws/camera/{rig.name}/front/") as page:
            await page.send(struct.pack("!HH", 1, len(grows)) + grows + b"a picture")
            message, jpeg = unpack_picture(
                await listen.until(lambda: rig.pictures and rig.pictures[-1]), MAX_RIG_HEAD_BYTES
            )
            assert (message["body"]["odd"], jpeg) == ("\x7f" * 1900, b"a picture")
        async with web.browser(f"/ws/camera/{rig.name}/front/") as page:
            await page.send(struct.pack("!HH", 1, len(largest)) + largest + b"a picture")
            with pytest.raises(ConnectionClosed, match="want at most 2048"):
                await asyncio.wait_for(page.recv(), 60)
        async with web.browser(f"/ws/input/{rig.name}/") as page:
            await page.send(json.dumps(DRIVE))
            await listen.until(lambda: any(each["body"].get("hold") for each in rig.inputs))
        assert len(rig.pictures) == 1


async def test_a_message_that_cannot_be_sent_is_dropped_and_the_next_is_not(caplog: pytest.LogCaptureFixture) -> None:
    said: list[dict[str, Any]] = []

    async def say(message: dict[str, Any]) -> None:
        said.append(message)

    relay = InputRelay(None, say, None)
    task = asyncio.create_task(relay.run())
    relay.take({"id": "tab", "name": "olga"}, "observation.images.front", {"odd": "x" * 70_000}, b"a picture")
    relay.take({"id": "tab", "name": "olga"}, "teleoperator", {"hold": False})
    async with asyncio.timeout(60):
        while not said:
            assert not task.done(), task
            await asyncio.sleep(0.01)
    task.cancel()
    assert said[0]["device"] == "teleoperator" and "dropped" in caplog.text


class Phone:
    """A browser that nobody has signed in on."""

    def __init__(self, web: Any) -> None:
        self.web = web
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    async def get(self, address: str) -> tuple[int, str]:
        """(status, where it ended) of a page."""
        return await asyncio.to_thread(self._get, address)

    def _get(self, address: str) -> tuple[int, str]:
        url = address if address.startswith("http") else f"{self.web.url}{address}"
        try:
            with self.opener.open(url, timeout=60) as answer:
                return answer.status, answer.url.removeprefix(self.web.url)
        except urllib.error.HTTPError as error:
            return error.code, error.url.removeprefix(self.web.url)

    def socket(self, path: str) -> connect:
        cookie = "; ".join(f"{each.name}={each.value}" for each in self.cookies)
        address = f"ws://127.0.0.1:{self.web.port}{path}"
        return connect(address, additional_headers={"Cookie": cookie}, origin=self.web.url, compression=None)


async def pair(web: Any, rig: Any, camera: str = "front") -> tuple[int, dict[str, Any]]:
    """The link that the record page shows."""
    status, answer = await web.ask("POST", f"/rigs/{rig.name}/cameras/{camera}/pair", {})
    return status, answer


async def test_a_link_makes_one_phone_this_camera_and_nothing_else(web: Any, rig: Any, listen: Any) -> None:
    rig.described = PHONE
    camera, phone, thief = f"/camera/{rig.name}/front/", Phone(web), Phone(web)
    async with rig.running():
        assert (await phone.get(camera))[1].startswith("/sign-in/")
        _, link = await pair(web, rig)
        assert link["svg"].startswith("<svg") and "cannot reach this address" in link["hint"]
        assert await phone.get(link["url"]) == (200, camera)
        assert (await thief.get(link["url"]))[0] == 403
        async with phone.socket(f"/ws{camera}") as page:
            await page.send(pack_picture(FRAME, b"a picture"))
            await listen.until(lambda: rig.pictures)
            assert unpack_picture(rig.pictures[-1])[0]["from"]["name"] == "a paired phone"
        for other in (
            f"/ws/camera/{rig.name}/wrist/",
            f"/ws/input/{rig.name}/",
            f"/ws/live/{rig.name}/",
            "/ws/events/",
        ):
            with pytest.raises(Exception, match="403"):
                async with phone.socket(other):
                    pass
        assert (await phone.get(f"/record/{rig.name}/"))[1].startswith("/sign-in/")
        assert (await phone.get("/api/rigs"))[0] == 401


async def test_a_link_is_not_for_another_camera_and_not_for_signing_in(web: Any, rig: Any) -> None:
    rig.described = {"cameras": ["observation.images.front", "observation.images.wrist"]}
    phone = Phone(web)
    async with rig.running():
        _, link = await pair(web, rig)
        code = link["url"].partition("?code=")[2]
        assert (await phone.get(f"/camera/{rig.name}/wrist/join/?code={code}"))[0] == 403
        assert (await phone.get(f"/sign-in/?code={code}"))[0] == 403
        assert (await phone.get(link["url"]))[0] == 200


async def test_a_second_phone_takes_the_place_of_the_first(web: Any, rig: Any) -> None:
    rig.described = PHONE
    camera, first, second = f"/camera/{rig.name}/front/", Phone(web), Phone(web)
    async with rig.running():
        for phone in (first, second):
            await phone.get((await pair(web, rig))[1]["url"])
        async with first.socket(f"/ws{camera}") as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4403
        assert [(await phone.get(camera))[1] == camera for phone in (first, second)] == [False, True]
        assert await web.ask("DELETE", f"/rigs/{rig.name}/cameras/front/pair") == (200, {"ended": 1})
        assert (await second.get(camera))[1].startswith("/sign-in/")


async def test_only_a_camera_of_this_kind_is_paired(web: Any, rig: Any) -> None:
    async with rig.running():
        status, answer = await pair(web, rig)
        assert (status, answer["error"]["code"]) == (404, "no_camera")
        assert "to the rig file" in answer["error"]["message"]


SIGN_IN = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
import django
django.setup()
from django.contrib.auth import get_user_model
from robotdata.sessions import SessionStore
for name in sys.argv[1:]:
    user = get_user_model().objects.create_user(name, password=None)
    session = SessionStore()
    session.update({"_auth_user_id": str(user.pk), "_auth_user_backend": "robotdata.sessions.UserBackend",
                    "_auth_user_hash": user.get_session_auth_hash()})
    session.create()
    print(session.session_key)
"""
END = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
import django
django.setup()
from django.contrib.auth import get_user_model
from robotdata.sessions import SessionStore
blocked, signed_out = sys.argv[1:]
get_user_model().objects.filter(username=blocked).update(is_active=False)
SessionStore(signed_out).delete()
"""


async def in_home(web: Any, script: str, *args: str) -> list[str]:
    """The lines that a program of ours says in this web process's home."""
    command = [sys.executable, "-c", script, *args]
    done = await asyncio.to_thread(programs.run, command, cwd=ROOT, env=web.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).split()


async def test_who_may_not_be_there_any_more_is_shut_out(web: Any, rig: Any, listen: Any) -> None:
    rig.described = PHONE
    blocked, gone = f"blocked-{rig.name}", f"gone-{rig.name}"
    keys = await in_home(web, SIGN_IN, blocked, gone)
    phone = Phone(web)
    name = web.cookie.partition("=")[0]
    async with rig.running(), contextlib.AsyncExitStack() as stack:
        await phone.get((await pair(web, rig))[1]["url"])
        sockets = []
        for key, path in [(key, path) for key in keys for path in (f"input/{rig.name}", f"live/{rig.name}", "events")]:
            address = f"ws://127.0.0.1:{web.port}/ws/{path}/"
            headers = {"Cookie": f"{name}={key}"}
            sockets.append(
                await stack.enter_async_context(connect(address, additional_headers=headers, origin=web.url))
            )
        sockets.append(await stack.enter_async_context(phone.socket(f"/ws/camera/{rig.name}/front/")))
        still = await stack.enter_async_context(web.browser(f"/ws/input/{rig.name}/"))
        await sockets[0].send(json.dumps(DRIVE))
        await listen.until(lambda: rig.inputs)
        await in_home(web, END, blocked, keys[1])
        assert await web.ask("DELETE", f"/rigs/{rig.name}/cameras/front/pair") == (200, {"ended": 1})
        for socket in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                async with asyncio.timeout(60):
                    while True:  # what it was told before is not looked at
                        await socket.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4403
        await listen.until(lambda: rig.inputs[-1]["body"]["hold"] is False)
        rig.inputs.clear()
        await still.send(json.dumps(DRIVE))
        await listen.until(lambda: rig.inputs)
