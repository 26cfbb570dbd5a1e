from __future__ import annotations

import asyncio
import threading
from typing import Any

from robotdata.rig.wake import Wake


async def test_a_call_before_the_wait_counts_once() -> None:
    wake = Wake()
    wake.set()
    wake.set()
    async with asyncio.timeout(60):
        await wake.wait(3600)
    await wake.wait(0.001)  # nothing came since: it ends by its own time
    await wake.wait(-1)


async def test_any_thread_wakes_it_again_and_again() -> None:
    wake, heard, told = Wake(), 0, threading.Event()

    def call() -> None:
        for _ in range(200):
            told.clear()
            wake.set()
            told.wait(60)

    caller = threading.Thread(target=call)
    caller.start()
    async with asyncio.timeout(60):
        while heard < 200:
            await wake.wait(3600)
            heard += 1
            told.set()
    caller.join(60)
    assert not caller.is_alive()


def test_a_call_after_the_loop_has_ended_is_for_nobody() -> None:
    wake = Wake()
    asyncio.run(wake.wait(0.001))
    wake.set()
    loop = asyncio.new_event_loop()
    wake._waiter = loop, asyncio.Event()  # as in the moment in which a link ends
    loop.close()
    wake.set()


class Ending(Wake):
    """Its wait ends in the moment after another thread has looked for it."""

    seen: Any = None

    @property
    def _waiter(self) -> Any:
        seen, self.seen = self.seen, None
        return seen

    @_waiter.setter
    def _waiter(self, value: Any) -> None:
        self.seen = value


async def test_a_call_while_a_wait_ends_harms_nobody() -> None:
    wake, event = Ending(), asyncio.Event()
    wake._waiter = asyncio.get_running_loop(), event
    wake.set()
    async with asyncio.timeout(60):
        await event.wait()
