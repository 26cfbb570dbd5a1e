"""Half-sent requests and many connections: they are shown out, and others are answered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from uvicorn.importer import import_from_string

from recorder.management.embedded import Embedded, Options
from robotdata import connections
from robotdata.connections import BoundedHttp, Doorkeeper

HALF = b"GET /sign-in/ HTTP/1.1\r\nHost: here\r\nX-a: "
WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
TAKEN: list[int] = []
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    if scope["type"] != "http":
        return
    while (message := await receive()).get("more_body"):
        TAKEN.append(len(message.get("body", b"")))
    if message["type"] == "http.disconnect":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def serving(**more: Any) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        log_level="error",
        http=BoundedHttp,
        ws="websockets-sansio",
        timeout_keep_alive=60,
        **more,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Doorkeeper]:
    """Sets how many may come in."""

    def make(most: int = 100, per_address: int = 100, **more: Any) -> Doorkeeper:
        made = Doorkeeper(most, per_address, **more)
        monkeypatch.setattr(connections, "KEEPER", made)
        return made

    return make


async def came(port: int, sent: bytes = HALF) -> Stream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def answered(stream: Stream) -> bool:
    return b"200 OK" in await stream[0].readuntil(b"ok")


async def ended(stream: Stream) -> bytes:
    """All that comes until the other side closes."""
    with contextlib.suppress(ConnectionResetError):
        return await stream[0].read()
    return b""


@pytest.mark.parametrize(
    "sent", [b"", HALF, b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nx", WHOLE + HALF]
)
async def test_it_waits_for_no_request_for_ever(
    sent: bytes, keeper: Callable[..., Doorkeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = keeper()
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    monkeypatch.setattr(connections, "BODY_S", 0.2)
    async with asyncio.timeout(60), serving() as port:
        stream = await came(port, sent)
        await ended(stream)
        stream[1].close()
        while len(door):
            await asyncio.sleep(0.01)
        assert await answered(last := await came(port, WHOLE))
        last[1].close()


@pytest.mark.parametrize("bounds", [{"per_address": 5}, {"most": 5}])
async def test_it_shows_out_who_waits_longest_where_there_are_too_many(
    keeper: Callable[..., Doorkeeper], bounds: dict[str, int]
) -> None:
    door = keeper(**bounds)
    async with asyncio.timeout(60), serving() as port:
        guests = [await came(port) for _ in range(20)]
        assert await answered(honest := await came(port, WHOLE))
        assert len(door) <= 5
        for guest in guests[:15]:
            assert not await ended(guest)
        for guest in [*guests, honest]:
            guest[1].close()
        while len(door):
            await asyncio.sleep(0.01)


async def test_it_leaves_open_sockets_alone_and_counts_them(keeper: Callable[..., Doorkeeper]) -> None:
    door = keeper(per_address=3)
    async with asyncio.timeout(60), serving() as port:
        sockets = [await websockets.connect(f"ws://127.0.0.1:{port}/") for _ in range(3)]
        assert len(door) == 3
        refused = await came(port, WHOLE)
        assert not await ended(refused)
        refused[1].close()
        assert all(socket.state is websockets.State.OPEN for socket in sockets)
        for socket in sockets:
            await socket.close()
        while len(door):
            await asyncio.sleep(0.01)
        assert await answered(last := await came(port, WHOLE))
        last[1].close()


async def test_a_configured_proxy_stands_for_many_people(keeper: Callable[..., Doorkeeper]) -> None:
    door = keeper(per_address=2, proxies=frozenset({"10.0.0.1", "127.0.0.0/8"}))
    async with asyncio.timeout(60), serving() as port:
        guests = [await came(port) for _ in range(6)]
        assert await answered(honest := await came(port, WHOLE))
        assert len(door) == 7
        for guest in [*guests, honest]:
            guest[1].close()


@pytest.mark.parametrize("head", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"])
async def test_it_takes_no_endless_body(
    head: bytes, keeper: Callable[..., Doorkeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = keeper()
    monkeypatch.setattr(connections, "MOST_BODY", 200_000)
    TAKEN.clear()
    async with asyncio.timeout(60), serving() as port:
        stream = await came(port, b"POST / HTTP/1.1\r\nHost: here\r\n" + head + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(10_000):
                stream[1].write(b"400\r\n" + bytes(1024) + b"\r\n")
                await stream[1].drain()
        await ended(stream)
        stream[1].close()
        while len(door):
            await asyncio.sleep(0.01)
    assert sum(TAKEN) <= 200_000


async def test_it_takes_bodies_in_pieces_one_after_the_other(keeper: Callable[..., Doorkeeper]) -> None:
    keeper()
    async with asyncio.timeout(60), serving() as port:
        stream = await came(port, b"")
        for _ in range(3):
            stream[1].write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nab")
            await stream[1].drain()
            stream[1].write(b"cd")
            assert await answered(stream)
        stream[1].close()


def test_the_product_starts_its_web_behind_this_door() -> None:
    web = Embedded(Options(with_rig=False, with_worker=False), say=print).children()[0]
    chosen = import_from_string(f"{web.module}:config_of")()
    assert import_from_string(chosen.http) is BoundedHttp
    assert chosen.proxy_headers is False and chosen.backlog < connections._KEPT_FILES


def test_it_queues_many_while_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that the system drops is tried again after a second: the whole of what a person waits."""
    most = int(Path("/proc/sys/net/core/somaxconn").read_text()) if sys.platform.startswith("linux") else 128
    if most < 300:
        pytest.skip(f"this system queues no more than {most} connections")
    monkeypatch.setattr(BoundedHttp, "_is_first", True)

    async def connect_all() -> int:
        async with serving(backlog=16) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(WHOLE)
            assert await reader.readline()
            # From here on nothing is let in: this thread, which is the server's, only connects.
            with contextlib.ExitStack() as stack:
                for _ in range(200):
                    stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            writer.close()
            await writer.wait_closed()
            return 200

    assert asyncio.run(connect_all()) == 200
