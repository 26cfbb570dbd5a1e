"""Twenty look at one rig: eighteen as they should, one never reads, one floods and comes again when it is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

OWN_WEB = True  # its memory is measured

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
HONEST, SECONDS, RATE, SIZE = 18, 6.0, 25, 300_000
MIB = 1 << 20


def watch(fps: int) -> str:
    return json.dumps({"type": "watch", "cameras": {FRONT: fps}})


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def read(ws: Any, seen: list[int]) -> None:
    """Notes the number of each picture that comes."""
    async for news in ws:
        if isinstance(news, bytes):
            seen.append(struct.unpack_from("!BBxxIQ", news)[2])
            await ws.send('{"type": "drawn", "cameras": [0]}')


async def flood(web: Any, live: str, cuts: list[int]) -> None:
    """Small messages and one of 4 MB, as quickly as they go; the code with which it was cut off, each time."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            async with web.browser(live) as ws:
                try:
                    if len(cuts) % 2:
                        await ws.send("x" * (4 * MIB))
                    while True:
                        await ws.send(watch(240))
                        await asyncio.sleep(0)
                except ConnectionClosed as closed:
                    cuts.append(closed.rcvd.code if closed.rcvd else -1)


async def show(rig: Any, seconds: float, first: int) -> int:
    """Pictures of the front camera for so long; the number of the last."""
    end, number = asyncio.get_running_loop().time() + seconds, first
    while asyncio.get_running_loop().time() < end:
        await rig.frame(0, number, SIZE)
        number += 1
        await asyncio.sleep(1 / RATE)
    return number - 1


async def test_two_hostile_viewers_of_twenty_harm_nobody(web: Any, rig: Any, listen: Any) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc to see the web's memory")
    live, cuts = f"/ws/live/{rig.name}/", []
    seen: list[list[int]] = [[] for _ in range(HONEST)]
    async with rig.running(), contextlib.AsyncExitStack() as stack:
        tasks, viewers = [], []
        for numbers in seen:
            ws = await stack.enter_async_context(web.browser(live))
            viewers.append(ws)
            await ws.send(watch(5))
            tasks.append(asyncio.create_task(read(ws, numbers)))
        stalled = await stack.enter_async_context(web.browser(live))
        await stalled.send(watch(RATE))
        await listen.until(lambda: rig.watched == {FRONT: RATE})
        last = await show(rig, 2, 0)  # until all is warm: what eighteen viewers need is needed
        await web.ask("GET", f"/rigs/{rig.name}")  # the first request of the API imports it
        stalled.transport.pause_reading()
        before, counted = resident(web.process.pid), [len(numbers) for numbers in seen]
        tasks.append(asyncio.create_task(flood(web, live, cuts)))
        last = await show(rig, SECONDS, last + 1)
        grown = resident(web.process.pid) - before
        status, shown = await web.ask("GET", f"/rigs/{rig.name}")
        assert (status, shown["online"], shown["state"]) == (200, True, "idle")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for ws in (*viewers, stalled):
            ws.transport.abort()  # to close it politely takes as long as all its pictures
    assert len(cuts) > 2 and set(cuts) <= {1008, 1009}, cuts
    for numbers, warm in zip(seen, counted, strict=True):
        fresh = numbers[warm:]
        assert len(fresh) > SECONDS and fresh == sorted(set(fresh)), "an honest viewer saw too little, or old pictures"
        assert fresh[-1] > last - 4 * RATE, "what it sees is old"
    # A viewer that never reads would have piled up RATE * SECONDS * SIZE by now: 45 MB.
    assert grown < 30 * MIB, f"{grown / MIB:.0f} MiB more"
