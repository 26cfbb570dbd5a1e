"""The play socket over the wire: a real server, a real client, real sessions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
import websockets
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from recorder.models import Episode
from robotdata.asgi import application
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.support.player_page import unpack
from tests.viewer.conftest import FRONT, TOP, WRIST
from viewer import consumers
from viewer.locate import SOURCES

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]
Connect = Callable[[uuid.UUID], Awaitable[Any]]


def cookie_of(name: str) -> str:
    """What the browser of another person sends."""
    client = Client()
    client.force_login(User.objects.create_user(name))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


@pytest.fixture
def cookie(client: Client, olga: User) -> str:
    client.force_login(olga)
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    config = uvicorn.Config(application, port=0, lifespan="off", log_level="warning", ws="websockets-sansio")
    server = uvicorn.Server(config)
    with contextlib.ExitStack() as stack:
        stack.callback(SOURCES.clear)
        serving = asyncio.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ws/play"
        server.should_exit = True
        await serving
        await database_sync_to_async(connections.close_all)()


def page_of(url: str) -> str:
    """The address of the pages, as a browser sends it."""
    return url.replace("ws", "http", 1).removesuffix("/ws/play")


@contextlib.asynccontextmanager
async def playing(url: str, episode: object, cookie: str, origin: str = "") -> AsyncIterator[Any]:
    headers = {"Cookie": cookie}
    async with (
        asyncio.timeout(20),
        websockets.connect(
            f"{url}/{episode}/", origin=origin or page_of(url), additional_headers=headers, max_size=None
        ) as socket,
    ):
        yield socket


async def say(socket: Any, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def test_it_opens_and_answers_with_cameras_in_step(url: str, cookie: str, make_episode: MakeEpisode) -> None:
    episode = await database_sync_to_async(make_episode)(40, cameras=(FRONT, TOP, WRIST), trim_first=5, trim_end=30)
    async with playing(url, episode.pk, cookie) as socket:
        opened = json.loads(await socket.recv())
        assert (opened["type"], opened["frames"], opened["fps"], opened["trim"]) == ("opened", 40, 30.0, [5, 30])
        assert opened["cameras"][2] == {"key": WRIST, "name": "wrist", "width": 320, "height": 240}
        await say(socket, op="play", frame=0, rate=4.0, seq=1)
        frames = []
        while isinstance(data := await socket.recv(), bytes):
            _, _, frame, pictures = unpack(data)
            codes = {index: read(decode_jpeg(jpeg)) for index, jpeg in pictures.items()}
            assert {(index, code.tick, code.camera) for index, code in codes.items()} == {
                (index, frame, index) for index in range(3)
            }
            frames.append(frame)
            await say(socket, op="ack", frame=frame)
    assert json.loads(data) == {"type": "ended", "v": 1}
    assert frames[-1] == 39 and frames == sorted(frames)


async def test_it_keeps_up_with_200_seeks_a_second(url: str, cookie: str, make_episode: MakeEpisode) -> None:
    episode = await database_sync_to_async(make_episode)(40)
    async with playing(url, episode.pk, cookie) as socket:
        await socket.recv()

        async def scrub() -> None:
            for seq in range(1, 101):
                await say(socket, op="seek", frame=seq * 7 % 40, seq=seq)
                await asyncio.sleep(0.005)

        scrubbing, seen = asyncio.create_task(scrub()), []
        while not seen or seen[-1][0] < 100:
            _, seq, frame, pictures = unpack(await socket.recv())
            assert frame == seq * 7 % 40 == read(decode_jpeg(pictures[0])).tick
            seen.append((seq, frame))
            await say(socket, op="ack", frame=frame)
        await scrubbing
    assert seen == sorted(seen)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"op": "seek", "frame": NaN}', "[" * 60_000])
async def test_it_answers_nonsense_in_words_and_goes_on(
    url: str, cookie: str, make_episode: MakeEpisode, text: str
) -> None:
    episode = await database_sync_to_async(make_episode)(3)
    async with playing(url, episode.pk, cookie) as socket:
        await socket.recv()
        await socket.send(text)
        assert json.loads(await socket.recv())["type"] == "error"
        await say(socket, op="seek", frame=2, seq=1)
        assert unpack(await socket.recv())[2] == 2


@pytest.mark.parametrize(("sent", "code"), [(b"\0\1", 1008), ("x" * 70_000, 1009), (b"x" * 70_000, 1008)])
async def test_it_closes_at_what_no_page_sends(
    url: str, cookie: str, make_episode: MakeEpisode, sent: str | bytes, code: int
) -> None:
    episode = await database_sync_to_async(make_episode)(3)
    async with playing(url, episode.pk, cookie) as socket:
        await socket.recv()
        await socket.send(sent)
        await socket.wait_closed()
        assert socket.close_code == code


async def test_it_cuts_off_who_floods(url: str, cookie: str, make_episode: MakeEpisode) -> None:
    episode = await database_sync_to_async(make_episode)(3)
    async with playing(url, episode.pk, cookie) as socket:
        await socket.recv()
        with contextlib.suppress(websockets.ConnectionClosed):
            for seq in range(1, 20_001):
                await say(socket, op="seek", frame=seq % 3, seq=seq)
        await socket.wait_closed()
        assert socket.close_code == 1008


async def test_it_lets_nobody_in_without_a_session_or_from_elsewhere(
    url: str, cookie: str, make_episode: MakeEpisode
) -> None:
    episode = await database_sync_to_async(make_episode)(3)
    for who, origin in (
        (f"{settings.SESSION_COOKIE_NAME}=forged", ""),
        (cookie, "https://elsewhere.example"),
        (cookie, "http://127.0.0.1:1"),  # another port of this machine is another page
    ):
        with pytest.raises(websockets.InvalidStatus):
            async with playing(url, episode.pk, who, origin):
                pass


async def test_it_says_what_is_not_there(url: str, cookie: str, make_episode: MakeEpisode) -> None:
    gone = await database_sync_to_async(make_episode)(3)
    shutil.rmtree(gone.take_path)
    for episode, code in ((gone.pk, consumers.BROKEN), (uuid.uuid4(), consumers.NOT_FOUND)):
        async with playing(url, episode, cookie) as socket:
            message = json.loads(await socket.recv())
            assert message["type"] == "error" and str(episode) in message["message"]
            await socket.wait_closed()
            assert socket.close_code == code


async def test_it_gives_everything_back_when_people_leave(
    url: str, cookie: str, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MAX_PLAYERS", 2)
    episode = await database_sync_to_async(make_episode)(3)
    for _ in range(5):
        async with playing(url, episode.pk, cookie) as socket:
            await socket.recv()
    async with playing(url, episode.pk, cookie) as one, playing(url, episode.pk, cookie) as two:
        await asyncio.gather(one.recv(), two.recv())
        async with playing(url, episode.pk, cookie) as three:
            assert "players are already open" in json.loads(await three.recv())["message"]
        async with playing(url, episode.pk, await database_sync_to_async(cookie_of)("anna")) as hers:
            assert json.loads(await hers.recv())["type"] == "opened"
    while consumers._players:
        await asyncio.sleep(0.01)
    assert not [entry for entry in SOURCES._entries.values() if entry.readers]
