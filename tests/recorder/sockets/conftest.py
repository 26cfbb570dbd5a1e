"""A real web process with a home of its own, and a rig that is a program of twenty lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from robotdata.secret_files import cookie_name
from tests.support import programs
from tests.support.fake_station import FakeStation
from tests.support.fresh_home import fill_home
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a-rig-token"
PATIENCE_S = 60.0  # with what is awaited; how quick it is, is measured elsewhere
FRONT, WRIST = "observation.images.front", "observation.images.wrist"
SETUP = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
import django
django.setup()
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from recorder.models import ApiToken
call_command("migrate", verbosity=0)
user = get_user_model().objects.create_superuser("olga", password=None)
session = SessionStore()
session.update({"_auth_user_id": str(user.pk), "_auth_user_backend": "robotdata.sessions.UserBackend",
                "_auth_user_hash": user.get_session_auth_hash()})
session.create()
print(json.dumps({"session": session.session_key, "token": ApiToken.issue(user_id=user.pk, name="tests")}))
"""


class Web:
    """One web process; `env` goes to it, and several may share one home."""

    def __init__(self, home: Path, keys: dict[str, str], **env: str) -> None:
        self.home = home
        self.keys = keys
        self.port = free_port()
        self.env = {**os.environ, "ROBOTDATA_HOME": str(home), "ROBOTDATA_RIG_TOKEN": TOKEN, **env}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        """What a browser that is signed in sends."""
        name = cookie_name("session", self.home.resolve(), self.env.get("ROBOTDATA_SECRET_KEY", ""))
        return f"{name}={self.keys['session']}"

    def start(self) -> Web:
        command = [sys.executable, "-m", "uvicorn", "robotdata.asgi:application", "--port", str(self.port)]
        command += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "8388608"]
        command += ["--timeout-graceful-shutdown", "5", "--log-level", "warning"]
        self.process = programs.Popen(command, cwd=ROOT, env=self.env, start_new_session=True)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5)
                return self
            time.sleep(0.05)
        raise TimeoutError(f"the web process does not answer; it has ended with {self.process.poll()}")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def stop_answering(self) -> None:
        """The process is there and its sockets are open; it does nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def answer_again(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, JSON) of a call with the token."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api{path}", data, method=method)
        request.add_header("Authorization", f"Bearer {self.keys['token']}")
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return await asyncio.to_thread(self.api, method, path, body)

    def browser(self, path: str, *, origin: str | None = "", cookie: bool = True) -> connect:
        """A browser's socket; `origin` None sends none."""
        headers = {"Cookie": self.cookie} if cookie else {}
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers=headers,
            origin=(self.url if origin == "" else origin),  # type: ignore[arg-type]
            compression=None,
            max_size=None,
        )


class FakeRig:
    """Follows docs/rig-protocol.md: says hello and its status, answers commands, sends pictures that are watched."""

    def __init__(self, web: Web, name: str, *, pid: int = 1, takes: list[dict[str, Any]] | None = None) -> None:
        self.web = web
        self.name = name
        self.pid = pid
        self.takes = takes or []
        self.state = "idle"
        self.commands: list[dict[str, Any]] = []
        self.inputs: list[dict[str, Any]] = []
        self.pictures: list[bytes] = []
        self.described: dict[str, Any] = {}
        self.watched: dict[str, float] = {}
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda command: {"ok": True, "error": None}
        self.ws: ClientConnection | None = None
        self.speaks = True
        self.seq = 0
        self.last_take: dict[str, Any] | None = None
        self.first: dict[str, Any] = {}
        self.clock: float | None = None

    def hello(self) -> dict[str, Any]:
        cameras = [
            {"key": key, "name": key.split(".")[-1], "width": 64, "height": 48, "fps": 30} for key in (FRONT, WRIST)
        ]
        features = {"action": {"dtype": "float32", "shape": [2], "names": ["a.pos", "b.pos"]}}
        rig = {"name": self.name, "robot_type": "fake", "fps": 30, "features": features, "cameras": cameras}
        rig |= {"inputs": self.described, "software": "test", "pid": self.pid, "host": "bench", "spool": "/tmp"}
        return {"type": "hello", "protocol": 1, "rig": rig, "status": self.status(), "takes": self.takes}

    def status(self) -> dict[str, Any]:
        self.seq += 1
        controls = ["record"] if self.state == "idle" else ["stop"]
        said = {"type": "status", "seq": self.seq, "state": self.state, "since": 1_790_000_000.0, "controls": controls}
        return {
            **said,
            "take": None,
            "last_take": self.last_take,
            **({} if self.clock is None else {"clock": self.clock}),
            "disk": {"free_bytes": 10**9, "minutes_left": 90},
            "message": None,
            "warnings": [],
        }

    async def say(self, message: dict[str, Any]) -> None:
        assert self.ws is not None
        await self.ws.send(json.dumps(message))

    async def frame(self, camera: int, seq: int, size: int = 1000) -> None:
        await self.picture(camera, seq, bytes(size))

    async def picture(self, camera: int, seq: int, jpeg: bytes, age_s: float = 0.0) -> None:
        assert self.ws is not None
        captured_ns = time.time_ns() - round(age_s * 1e9)
        await self.ws.send(struct.pack("!BBxxIQ", 1, camera, seq, captured_ns) + jpeg)

    async def move(self, state: str) -> None:
        """Goes on once the API shows it so."""
        self.state = state
        await self.say(self.status())
        await self.is_shown(state)

    async def is_shown(self, state: str) -> None:
        """Waits until the row says so: what is sent is written a moment later."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.web.ask("GET", f"/rigs/{self.name}"))[1].get("state") != state:
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FakeRig]:
        url = f"ws://127.0.0.1:{self.web.port}/ws/rig/"
        async with connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, compression=None) as ws:
            self.ws = ws
            await ws.send(json.dumps(self.hello()))
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
            if isinstance(text, bytes):
                self.pictures.append(text)
                continue
            message = json.loads(text)
            if message["type"] == "watch":
                self.watched = message["cameras"]
            elif message["type"] == "input":
                self.inputs.append(message)
            elif message["type"] == "command":
                self.commands.append(message)
                if (reply := self.answer(message)) is not None:
                    await self.say({"type": "reply", "id": message["id"], **reply})

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            if self.speaks:
                await self.say(self.status())


def make_home(home: Path, **env: str) -> dict[str, str]:
    """Tables, a person and her keys."""
    if not env:
        return dict(json.loads(fill_home(home, SETUP)))
    done = programs.run(
        [sys.executable, "-c", SETUP],
        cwd=ROOT,
        env={**os.environ, "ROBOTDATA_HOME": str(home), "ROBOTDATA_RIG_TOKEN": TOKEN, **env},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Web]:
    """A web process in this home, which goes with it."""
    server = Web(home, make_home(home)).start()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="module")
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web process that many files share; each test takes a rig name of its own. A file with OWN_WEB has its own."""
    if not getattr(request.module, "OWN_WEB", False):
        yield request.getfixturevalue("shared_web")
        return
    with serving(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def rig(web: Web) -> FakeRig:
    return FakeRig(web, f"rig-{uuid.uuid4().hex[:8]}")


async def drawn(ws: ClientConnection, picture: bytes) -> None:
    """Ask for the next picture of this camera, as a browser does once it has drawn one."""
    await ws.send(json.dumps({"type": "drawn", "cameras": [picture[1]]}))


async def words(
    ws: ClientConnection, want: Callable[[dict[str, Any]], bool], within_s: float = PATIENCE_S
) -> dict[str, Any]:
    """The first text message that is wanted; others and pictures are passed over."""
    async with asyncio.timeout(within_s):
        while True:
            news = await ws.recv()
            if isinstance(news, bytes):
                await drawn(ws, news)
            elif want(message := json.loads(news)):
                return dict(message)


async def pictures(ws: ClientConnection, count: int, within_s: float = PATIENCE_S) -> list[bytes]:
    """The next pictures."""
    found: list[bytes] = []
    async with asyncio.timeout(within_s):
        while len(found) < count:
            news = await ws.recv()
            if isinstance(news, bytes):
                found.append(news)
                await drawn(ws, news)
    return found


async def until(what: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """Wait until `what()` is true; returns it."""
    async with asyncio.timeout(within_s):
        while not (value := what()):
            await asyncio.sleep(0.02)
        return value


@pytest.fixture
def listen() -> Any:
    """words, pictures, drawn, until: tests reach these helpers by a fixture, for test folders are not packages."""

    class Listen:
        words = staticmethod(words)
        pictures = staticmethod(pictures)
        drawn = staticmethod(drawn)
        until = staticmethod(until)

    return Listen


@pytest.fixture
def station(web: Web) -> FakeStation:
    return FakeStation(web.port, TOKEN, f"pc-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def fake_station() -> Callable[..., FakeStation]:
    """Makes a station of this name at a web process."""
    return lambda web, name, **more: FakeStation(web.port, TOKEN, name, **more)


@pytest.fixture
def fake_rig() -> type[FakeRig]:
    return FakeRig
