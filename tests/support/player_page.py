"""A page that plays, without a browser."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from viewer.errors import Gone
from viewer.playback import CAMERA, HEAD, Player
from viewer.sources import FrameSource

Bundle = tuple[int, int, int, dict[int, bytes]]


def unpack(data: bytes) -> Bundle:
    """(flags, seq, frame, {camera index: JPEG})."""
    version, count, flags, seq, frame = HEAD.unpack_from(data)
    assert version == 1
    pictures, at = {}, HEAD.size
    for _ in range(count):
        index, length = CAMERA.unpack_from(data, at)
        pictures[index] = data[at + CAMERA.size : at + CAMERA.size + length]
        at += CAMERA.size + length
    assert at == len(data)
    return flags, seq, frame, pictures


class Page:
    """A viewer: keeps what comes, and acks it at once if it is told to."""

    def __init__(self, source: FrameSource, *, acks: bool = True) -> None:
        self.player = Player(source, self)
        self.acks = acks
        self.bundles: list[Bundle] = []
        self.messages: list[dict[str, Any]] = []
        self.again: Callable[[], FrameSource] | None = None

    async def send_bundle(self, data: bytes) -> None:
        self.bundles.append(unpack(data))
        if self.acks:
            self.ask(op="ack", frame=self.bundles[-1][2])

    async def send_message(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    async def reopen(self) -> tuple[FrameSource, None]:
        if self.again is None:
            raise Gone("it is gone")
        return self.again(), None

    def ask(self, **message: Any) -> None:
        self.player.handle(message)

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not done():
                await asyncio.sleep(0.005)

    @property
    def frames(self) -> list[int]:
        return [bundle[2] for bundle in self.bundles]


@contextlib.asynccontextmanager
async def watching(source: FrameSource, *, acks: bool = True) -> AsyncIterator[Page]:
    page = Page(source, acks=acks)
    work = asyncio.create_task(page.player.run())
    try:
        yield page
        assert not work.done()
    finally:
        work.cancel()
        await asyncio.wait([work])
