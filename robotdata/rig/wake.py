"""Let any thread wake one coroutine, so that it need not check every few milliseconds whether there is work."""

from __future__ import annotations

import asyncio
import contextlib


class Wake:
    """Any thread may call `set`; one coroutine at a time waits. A call before `wait` counts."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def set(self) -> None:
        """Wake the coroutine, or let its next `wait` return at once."""
        self._is_set = True  # before the waiter is looked up, which `wait` does the other way round
        waiter = self._waiter  # read once: the wait may end meanwhile
        if waiter is not None:
            loop, event = waiter
            with contextlib.suppress(RuntimeError):  # the loop has just been closed: nobody waits any more
                loop.call_soon_threadsafe(event.set)

    async def wait(self, timeout_s: float) -> None:
        """Wait for `set` since the last `wait`, for at most `timeout_s`."""
        event = asyncio.Event()
        self._waiter = asyncio.get_running_loop(), event
        try:
            if not self._is_set:
                async with asyncio.timeout(timeout_s):
                    await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiter = None
            self._is_set = False
