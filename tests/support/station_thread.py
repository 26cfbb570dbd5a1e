"""A fake station that runs beside a test of the browser, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from tests.support.browser import Product
from tests.support.fake_station import PATIENCE_S, FakeStation


class Beside:
    """The station, and calls of it from the test's thread."""

    def __init__(self, station: FakeStation, loop: asyncio.AbstractEventLoop) -> None:
        self.station = station
        self.loop = loop

    def report(self, **changes: Any) -> None:
        """Change what the station says of itself, and say it."""
        for name, value in changes.items():
            setattr(self.station, name, value)
        asyncio.run_coroutine_threadsafe(self.station.report(), self.loop).result(PATIENCE_S)


@contextlib.contextmanager
def beside(product: Product, name: str, **more: Any) -> Iterator[Beside]:
    """A station of this name at the product; `more` sets its fields before it connects."""
    token = (product.home / ".state" / "rig-token").read_text().strip()
    station = FakeStation(int(product.url.rsplit(":", 1)[1]), token, name)
    for field, value in more.items():
        setattr(station, field, value)
    connected: Future[Beside] = Future()
    ending = asyncio.Event()

    async def run() -> None:
        async with station.running():
            connected.set_result(Beside(station, asyncio.get_running_loop()))
            await ending.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    made = connected.result(PATIENCE_S)
    try:
        yield made
    finally:
        made.loop.call_soon_threadsafe(ending.set)
        thread.join(PATIENCE_S)
