"""Seeks of the player while another process holds SQLite: with Channels' own dispatch, and with that of our sockets.

Channels lets each message visit the one thread that all consumers share for the database; `robotdata.websocket.Socket`
does not. Two servers, one of each, serve a take and are linked to a rig, whose rows are written once a second. Their
databases are held by a writer for 4 s, then free for 2 s, in turn. One seek after another: ms from the message to the
picture; a seek that waits when the time is over counts with what it took. Readers of SQLite in WAL mode do not wait for
a writer, and rows of rigs are written on threads of their own: where the two differ, it is by the visit alone.

    .venv/bin/python bench/seek_while_locked.py [rounds]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ports import free_port
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from play_smooth import make_take  # noqa: E402

from robotdata.secret_files import cookie_name  # noqa: E402

HELD_S, FREE_S, TOKEN = 4.0, 2.0, "a-rig-token"
SETUP = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
import django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
from django.core.management import call_command
from recorder.catalog.takes import index_take
call_command("migrate", verbosity=0)
index_take(take_id=sys.argv[1])
client = Client()
client.force_login(get_user_model().objects.create_user("bench"))
print(next(iter(client.cookies.values())).value)
"""
SERVE = """
import sys
from robotdata.asgi import application
from channels.generic.websocket import AsyncWebsocketConsumer
from viewer.consumers import PlayConsumer
import uvicorn

if sys.argv[1] == "before":
    PlayConsumer.dispatch = AsyncWebsocketConsumer.dispatch
uvicorn.run(application, port=int(sys.argv[2]), log_level="error", lifespan="off", ws="websockets-sansio")
"""
STATUS = {"type": "status", "state": "idle", "since": 1.0, "controls": ["record"], "take": None}
RIG = {"name": "bench", "robot_type": "bench", "fps": 30, "features": {}, "cameras": []}
HELLO = {"type": "hello", "protocol": 1, "rig": RIG, "status": STATUS, "takes": []}


class Server:
    """One of the two, its rig, and one player."""

    def __init__(self, name: str, home: Path) -> None:
        self.name, self.home = name, home
        self.times: dict[str, list[float]] = {"free": [], "held": []}
        self.port = free_port()
        env = {**os.environ, "ROBOTDATA_HOME": str(home), "ROBOTDATA_RIG_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
        self.take = make_take(home / "spool")
        run = [sys.executable, "-c", SETUP, self.take]
        session = subprocess.run(run, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout.split()[-1]
        self.cookie = f"{cookie_name('session', home.resolve(), '')}={session}"
        self.process = subprocess.Popen([sys.executable, "-c", SERVE, name, str(self.port)], cwd=ROOT, env=env)

    async def connected(self, path: str, **headers: str) -> ClientConnection:
        end = time.monotonic() + 60
        while True:
            try:
                return await connect(
                    f"ws://127.0.0.1:{self.port}{path}",
                    additional_headers=headers,
                    max_size=None,
                    open_timeout=30,
                )
            except OSError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.2)

    async def open(self) -> None:
        self.rig = await self.connected("/ws/rig/", Authorization=f"Bearer {TOKEN}")
        await self.rig.send(json.dumps(HELLO))
        await self.rig.recv()
        self.reports = asyncio.create_task(self.report())
        origin = f"http://127.0.0.1:{self.port}"
        self.player = await self.connected(f"/ws/play/{self.take}/", Cookie=self.cookie, Origin=origin)
        opened = json.loads(await self.player.recv())
        assert opened["type"] == "opened", opened

    async def report(self) -> None:
        state = 0
        while True:  # another state each time: one that is worth a row
            state += 1
            await self.rig.send(json.dumps({**STATUS, "state": ("idle", "saving")[state % 2], "since": float(state)}))
            await asyncio.sleep(0.25)

    async def seek(self, phase: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (start := time.monotonic()) < end:
            seq = len(self.times["free"]) + len(self.times["held"]) + 1
            frame = seq * 7 % 900
            await self.player.send(json.dumps({"op": "seek", "frame": frame, "seq": seq}))
            while not isinstance(await self.player.recv(), bytes):
                pass
            self.times[phase].append(time.monotonic() - start)
            await self.player.send(json.dumps({"op": "ack", "frame": frame}))
            await asyncio.sleep(0.02)

    def figures(self) -> dict[str, Any]:
        report = {}
        for phase, times in self.times.items():
            ms = sorted(1000 * each for each in times)
            at = {"p50": ms[len(ms) // 2], "p95": ms[int(0.95 * len(ms))], "max": ms[-1]}
            report[phase] = {"seeks": len(ms), **{name: round(value, 1) for name, value in at.items()}}
        return report


@contextlib.contextmanager
def held(servers: list[Server]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for server in servers:
            database = next((server.home / ".state").glob("*.sqlite3"))
            other = stack.enter_context(contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=30)))
            other.execute("BEGIN EXCLUSIVE")
        yield


async def measure(servers: list[Server], rounds: int) -> None:
    for server in servers:
        await server.open()
    for _ in range(rounds):
        await asyncio.gather(*(server.seek("free", FREE_S) for server in servers))
        with held(servers):
            # Not gathered inside: a seek that only goes on once the database is free would never end.
            seeking = [asyncio.create_task(server.seek("held", HELD_S)) for server in servers]
            await asyncio.sleep(HELD_S)
        await asyncio.gather(*seeking)
    for server in servers:
        server.reports.cancel()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    with tempfile.TemporaryDirectory() as folder:
        servers = [Server(name, Path(folder) / name) for name in ("before", "after")]
        try:
            asyncio.run(measure(servers, rounds))
        finally:
            for server in servers:
                server.process.terminate()
                server.process.wait()
        print(json.dumps({"cores": os.cpu_count(), **{each.name: each.figures() for each in servers}}, indent=2))


if __name__ == "__main__":
    main()
