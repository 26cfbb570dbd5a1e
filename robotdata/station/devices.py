"""Watch what is plugged in, and list ports and cameras when somebody asks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from robotdata.station.discovery import Discovery, holder_name
from robotdata.station.protocol import Devices as DeviceList

LOOK_EVERY_S = 1.0
Result = TypeVar("Result")


class Devices:
    """The devices of this computer; `seq` grows when one is plugged in or out, and `changed` is called then."""

    def __init__(self, discovery: Discovery, *, changed: Callable[[], None]) -> None:
        self.seq = 0
        self._discovery = discovery
        self._changed = changed
        self._looking: asyncio.Future[DeviceList] | None = None

    async def watch(self) -> None:
        """Look at the names of the device files every LOOK_EVERY_S, until it is cancelled."""
        known = None
        while True:
            with contextlib.suppress(OSError):
                present = self._discovery.plugged_in()
                if known is not None and present != known:
                    self.seq += 1
                    self._changed()
                known = present
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, rigs: Mapping[int, str], previews: Collection[int] = ()) -> DeviceList:
        """Return the ports and cameras; `rigs` are the names of running rigs by pid. Asks at the same time share it.

        The processes `previews` are our own, which release a camera when somebody wants it: they count as nobody.
        """
        if self._looking is None or self._looking.done():
            name_of = holder_name(dict(rigs), frozenset(previews))
            seq = self.seq
            self._looking = in_thread(
                lambda: {
                    "ports": self._discovery.ports(name_of),
                    "cameras": self._discovery.cameras(name_of),
                    "devices_seq": seq,
                }
            )
        return await asyncio.shield(self._looking)


def in_thread(function: Callable[[], Result]) -> asyncio.Future[Result]:
    """Run a function in a thread that does not keep the process: a driver that is asked something may never answer."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def finish(result: Result | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except Exception as failure:  # noqa: BLE001  whoever waits for the result gets it
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name="look", daemon=True).start()
    return future
