"""The web's end of a rig's connection, in the test's own process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from robotdata.rig import protocol
from robotdata.rig.link import Link
from tests.rig.conftest import Bench


class Web:
    """The other end: keeps what the rig says, and can say anything itself."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.previews: list[bytes] = []
        self.tokens: list[str | None] = []
        self.socket: ServerConnection | None = None
        self.greeting = {"type": "welcome", "protocol": 1}

    async def handle(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.tokens.append(socket.request.headers.get("Authorization") if socket.request else None)
        await socket.send(json.dumps(self.greeting))
        async for data in socket:
            if isinstance(data, bytes):
                self.previews.append(data)
            else:
                self.heard.append(protocol.decode(data))

    async def say(self, **message: Any) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(message))

    async def command(self, identity: str, name: str, **args: Any) -> dict[str, Any]:
        await self.say(type="command", id=identity, name=name, args=args)
        await soon(lambda: self.of("reply", id=identity))
        return self.of("reply", id=identity)[-1]

    def of(self, kind: str, **wanted: Any) -> list[dict[str, Any]]:
        return [m for m in self.heard if m["type"] == kind and wanted.items() <= m.items()]


async def soon(true: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def linked(bench: Bench, web: Web) -> AsyncIterator[Link]:
    async with serve(web.handle, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        link = Link(bench.machine, f"ws://127.0.0.1:{port}/ws/rig/", "secret")
        link.start()
        try:
            yield link
        finally:
            await asyncio.to_thread(link.stop)
