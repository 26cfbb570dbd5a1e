"""The station's side of the websocket to the server. Rigs run on without a connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket as network
import sys
import threading
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from robotdata.capture import clock
from robotdata.rig.connection import Connection, LinkRejected
from robotdata.rig.messages import MAX_TEXT_BYTES, SOFTWARE, decode, encode
from robotdata.station.asks import Asks
from robotdata.station.devices import Devices
from robotdata.station.protocol import HEARTBEAT_S, VERSION, Hello, RigProcess, State, StationInfo
from robotdata.station.rigs import Rigs

_CHANGES = ("write_rig", "remove_rig", "start_rig", "stop_rig", "restart_rig")
_LONGEST_NAME = 100
_SHORTEST_S = 0.2
"""Seconds between two states at least, however much a rig writes."""


def station_info(name: str, folder: str) -> StationInfo:
    """Return what `hello` says of this process; `name` is the computer's by default."""
    return {
        "name": name or host_name(),
        "pid": os.getpid(),
        "software": SOFTWARE,
        "python": sys.executable,
        "rigs": folder,
    }


def host_name() -> str:
    """Return the computer's name, without what a station's name cannot have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", network.gethostname())[:_LONGEST_NAME].strip(".-") or "computer"


class StationLink:
    """Connects the station to the server at `url`. `wake` sends the state soon."""

    def __init__(self, info: StationInfo, rigs: Rigs, devices: Devices, asks: Asks, url: str, token: str) -> None:
        self.stopping = threading.Event()
        self._info, self._rigs, self._devices, self._asks = info, rigs, devices, asks
        self._connection = Connection(url, token, self.stopping)
        self._changed = asyncio.Event()
        self._answers: set[asyncio.Task[None]] = set()

    @property
    def problem(self) -> str | None:
        """Return why there is no connection, or None."""
        return self._connection.problem

    def wake(self) -> None:
        """Send the state soon, because it has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Keep the connection until `stopping` is set."""
        await self._connection.keep(self._serve)

    async def _serve(self, socket: ClientConnection) -> None:
        self._changed.clear()
        await socket.send(encode(self._hello()))
        self._connection.established()
        tasks = {asyncio.create_task(self._receive(socket)), asyncio.create_task(self._send(socket))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._connection.problem = "connection lost"
        for task in done:
            task.result()

    async def _receive(self, socket: ClientConnection) -> None:
        async for data in socket:
            message = decode(data)
            if message["type"] == "refused":
                said = message.get("message") or message.get("code")
                raise LinkRejected(f"the server refuses this station: {said}")
            if message["type"] == "ask":
                task = asyncio.create_task(self._answer(socket, message))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)

    async def _answer(self, socket: ClientConnection, message: Mapping[str, Any]) -> None:
        answer = await self._asks.answer(message)
        if answer is None:
            return
        text = encode(answer)
        if len(text) > MAX_TEXT_BYTES:
            error = {"code": "too_large", "message": f"the answer has {len(text)} bytes, want at most {MAX_TEXT_BYTES}"}
            text = encode({**answer, "ok": False, "result": {}, "error": error})
        with contextlib.suppress(ConnectionClosed):  # nobody waits for it any more
            if message.get("name") in _CHANGES:  # whoever sees the answer sees what it has changed
                await socket.send(encode(self._state()))
            await socket.send(text)

    async def _send(self, socket: ClientConnection) -> None:
        """Send the state at every change, and every HEARTBEAT_S; a last time when `stopping` is set, and return."""
        sent_at = clock.monotonic()
        while True:
            rest = sent_at + HEARTBEAT_S - clock.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(rest, 0.0))
            self._changed.clear()
            await socket.send(encode(self._state()))
            if self.stopping.is_set():
                return
            sent_at = clock.monotonic()
            await asyncio.sleep(_SHORTEST_S)

    def _hello(self) -> Hello:
        state = self._state()
        return {
            "type": "hello",
            "protocol": VERSION,
            "station": self._info,
            "rigs": state["rigs"],
            "devices_seq": state["devices_seq"],
        }

    def _state(self) -> State:
        rigs = self._rigs.report()
        while len(encode({"type": "state", "rigs": rigs})) > MAX_TEXT_BYTES // 2 and any(r["last_words"] for r in rigs):
            rigs = [_with_fewer_words(rig) for rig in rigs]
        return {"type": "state", "rigs": rigs, "devices_seq": self._devices.seq}


def _with_fewer_words(rig: RigProcess) -> RigProcess:
    lines = rig["last_words"]
    return {**rig, "last_words": lines[len(lines) // 2 + 1 :]}
