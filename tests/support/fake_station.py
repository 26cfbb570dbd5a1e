"""A station of sixty lines at the wire: it says hello and its state, and answers what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 60.0
Reply = dict[str, Any] | None


def rig_process(name: str, **more: Any) -> dict[str, Any]:
    """What a station says of a stopped rig."""
    about = {"name": name, "state": "stopped", "since": 1_790_000_000.0, "pid": None, "version": "v1", "robot": "sim"}
    about |= {"teleoperator": "autopilot", "cameras": ["front"], "fps": 30.0, "problem": "", "last_words": []}
    return about | more


class FakeStation:
    """`answer` gets the name and the arguments of an ask, and returns the result, an error or, to be silent, None."""

    def __init__(self, port: int, token: str, name: str, *, pid: int = 1) -> None:
        self.port, self.token, self.name, self.pid = port, token, name, pid
        self.rigs: list[dict[str, Any]] = []
        self.devices_seq = 0
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[str, dict[str, Any]], Reply] = lambda _name, _args: {"result": {}}
        self.speaks = True
        self.first: dict[str, Any] = {}
        self.ws: ClientConnection | None = None

    def hello(self) -> dict[str, Any]:
        about = {"name": self.name, "pid": self.pid, "software": "test", "python": "/usr/bin/python3", "rigs": "/rigs"}
        return {"type": "hello", "protocol": 1, "station": about, "rigs": self.rigs, "devices_seq": self.devices_seq}

    async def say(self, message: dict[str, Any]) -> None:
        assert self.ws is not None
        await self.ws.send(json.dumps({**message, "v": 1}))

    async def report(self) -> None:
        await self.say({"type": "state", "rigs": self.rigs, "devices_seq": self.devices_seq})

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FakeStation]:
        url, headers = f"ws://127.0.0.1:{self.port}/ws/station/", {"Authorization": f"Bearer {self.token}"}
        async with connect(url, additional_headers=headers, compression=None) as ws:
            self.ws = ws
            await self.say(self.hello())
            self.first = json.loads(await asyncio.wait_for(ws.recv(), PATIENCE_S))
            tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._speak())]
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self) -> None:
        assert self.ws is not None
        async for text in self.ws:
            message = json.loads(text)
            if message["type"] == "ask":
                self.asked.append(message)
                if (reply := self.answer(message["name"], message["args"])) is not None:
                    whole = {"ok": "error" not in reply, "result": {}, "error": None, **reply}
                    await self.say({"type": "answer", "id": message["id"], **whole})

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            if self.speaks:
                await self.report()
