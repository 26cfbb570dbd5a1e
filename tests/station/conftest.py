"""A real station process, and the web's end of its websocket in the test's own process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from robotdata.rig.messages import decode
from tests.support import programs

ROOT = Path(__file__).resolve().parents[2]
SIM = '[rig]\nname = "{name}"\nfps = 10\n[robot]\nkind = "sim"\n[teleoperator]\nkind = "autopilot"\n'
CAMERA = '[cameras.front]\nkind = "sim"\nwidth = 64\nheight = 64\n'


def sim(name: str = "bench") -> str:
    """Return the file of a simulated rig with one small camera."""
    return SIM.format(name=name) + CAMERA


async def soon(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until something is true, and return it."""
    async with asyncio.timeout(seconds):
        while not (value := true()):
            await asyncio.sleep(0.01)
    return value


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Web:
    """What a server hears of one station and its rigs, and what it asks."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.rig_hellos: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.socket: ServerConnection | None = None
        self.rig_sockets: dict[str, ServerConnection] = {}
        self.greeting: dict[str, Any] = {"type": "welcome", "protocol": 1}

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.tokens.append(socket.request.headers.get("Authorization", ""))
        await socket.send(json.dumps(self.greeting))
        if socket.request.path == "/ws/rig/":
            await self._rig(socket)
            return
        assert socket.request.path == "/ws/station/"
        self.socket = socket
        async for data in socket:
            self.heard.append(decode(data))

    async def _rig(self, socket: ServerConnection) -> None:
        async for data in socket:
            if isinstance(data, str) and (message := decode(data))["type"] == "hello":
                self.rig_hellos.append(message["rig"])
                self.rig_sockets[message["rig"]["name"]] = socket

    async def send(self, /, **message: Any) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(message))

    async def ask(self, what: str, /, **args: Any) -> dict[str, Any]:
        """Return the whole answer."""
        ask_id = str(uuid.uuid4())
        await self.send(type="ask", id=ask_id, name=what, args=args)
        answer: dict[str, Any] = await soon(lambda: next((a for a in self.of("answer") if a["id"] == ask_id), None))
        return answer

    async def get(self, what: str, /, **args: Any) -> dict[str, Any]:
        """Return the result of an ask that succeeds."""
        answer = await self.ask(what, **args)
        assert answer["ok"], answer["error"]
        result: dict[str, Any] = answer["result"]
        return result

    async def refusal(self, what: str, /, **args: Any) -> dict[str, Any]:
        """Return the error of an ask that is refused."""
        answer = await self.ask(what, **args)
        assert not answer["ok"], answer
        error: dict[str, Any] = answer["error"]
        return error

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["type"] == kind]

    def rig(self, name: str) -> dict[str, Any]:
        """Return the newest report of one rig; empty if the station does not list it."""
        newest = next((m for m in reversed(self.heard) if m["type"] in ("hello", "state")), {"rigs": []})
        return next((rig for rig in newest["rigs"] if rig["name"] == name), {})

    async def in_state(self, name: str, state: str) -> dict[str, Any]:
        """Wait until a rig is in a state, and return its report."""
        found: dict[str, Any] = await soon(lambda: (rig := self.rig(name)) and rig["state"] == state and rig)
        return found


class Station:
    """`python -m robotdata.station`, its folder, and the web that it connects to."""

    def __init__(self, folder: Path, web: Web, port: int) -> None:
        self.rigs, self.spool = folder / "rigs", folder / "spool"
        self.rigs.mkdir(exist_ok=True)
        self.web, self.port = web, port
        self.log = folder / "station.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.program = ["-m", "robotdata.station"]
        self.environment = {**os.environ, "ROBOTDATA_RIG_TOKEN": "secret", "ROBOTDATA_LOG": "INFO"}

    @property
    def command(self) -> list[str]:
        url = f"ws://127.0.0.1:{self.port}/ws/station/"
        places = ["--rigs", str(self.rigs), "--spool", str(self.spool), "--url", url]
        return [sys.executable, *self.program, *places, "--name", "bench-pc"]

    async def start(self) -> Station:
        """Start it and wait for its hello."""
        hellos = len(self.web.of("hello"))
        with self.log.open("ab") as log:
            self.process = programs.Popen(self.command, cwd=ROOT, env=self.environment, stderr=log)
        await soon(lambda: len(self.web.of("hello")) > hellos or self.ended)
        assert not self.ended, self.log.read_text()
        return self

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    async def end(self, number: int = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 60)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@asynccontextmanager
async def station_at(folder: Path) -> AsyncIterator[Station]:
    """A station that is not started yet, with a server to connect to."""
    web = Web()
    async with serve(web.handle, "127.0.0.1", 0, compression=None) as server:
        station = Station(folder, web, server.sockets[0].getsockname()[1])
        try:
            yield station
        finally:
            if not station.ended:
                await station.end()
            station.kill()


@pytest.fixture(autouse=True)
def _children_can_be_interrupted() -> Iterator[None]:
    """Started in the background of a shell, tests ignore Ctrl-C, and so would every program that they start."""
    earlier = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler if earlier is signal.SIG_IGN else earlier)
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    async with station_at(tmp_path) as made:
        yield await made.start()
