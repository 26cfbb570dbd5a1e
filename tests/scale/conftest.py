"""The scaled-out mode as docs/scale-out.md has it: each role its own process, between them PostgreSQL and Redis."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.recorder.sockets.conftest import TOKEN, Web, fake_rig, listen, make_home
from tests.support import programs
from tests.support.servers import Postgres, Redis

__all__ = ["fake_rig", "listen"]

ROOT = Path(__file__).resolve().parents[2]
RIG = """
[rig]
name = "bench"
fps = 15
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
""" + "".join(f'[cameras.{name}]\nkind = "sim"\nwidth = 320\nheight = 240\nfps = 15\n' for name in ("front", "wrist"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Skips, saying so, where the machine has none."""
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Skips, saying so, where the machine has none."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server.start()
    server.kill()


@dataclass
class Place:
    """A home, its database and the environment by which every process finds both."""

    home: Path
    env: dict[str, str]

    def python(self, *args: str, may_fail: bool = False) -> str:
        """What it printed."""
        done = programs.run(
            [sys.executable, *args], cwd=ROOT, env=self.all_env(), capture_output=True, text=True, timeout=120
        )
        assert may_fail or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def all_env(self) -> dict[str, str]:
        settings = {"DJANGO_SETTINGS_MODULE": "robotdata.settings", "PYTHONWARNINGS": ""}
        return {**os.environ, **settings, "ROBOTDATA_HOME": str(self.home), "ROBOTDATA_RIG_TOKEN": TOKEN, **self.env}


@pytest.fixture(scope="module")
def place(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Nothing runs yet, nothing is in the database."""
    home = tmp_path_factory.mktemp("home")
    return Place(
        home,
        {
            "DATABASE_URL": postgres.url(f"db_{os.urandom(6).hex()}"),
            "ROBOTDATA_JOB_LEASE_S": "3",
            "ROBOTDATA_TEST_SCALED": "1",
        },
    )


@dataclass
class Fleet:
    """Two web processes, a worker, the clock and a rig, which hangs on the first web."""

    place: Place
    redis: Redis
    webs: tuple[Web, Web]
    roles: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, module: str, *args: str) -> None:
        with self.log(name).open("ab") as log:
            self.roles[name] = programs.Popen(
                [sys.executable, "-m", module, *args],
                cwd=ROOT,
                env=self.place.all_env(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_worker(self, name: str = "worker") -> None:
        args = ["--without-gossip", "--without-mingle", "--concurrency", "1", "--loglevel", "warning"]
        self.start(name, "celery", "-A", "robotdata", "worker", *args)

    def start_beat(self) -> None:
        schedule = str(self.place.home / "beat-schedule")
        self.start("beat", "celery", "-A", "robotdata", "beat", "-s", schedule, "--loglevel", "warning")

    def start_rig(self) -> None:
        path = self.place.home / "bench.toml"
        path.write_text(RIG)
        url = f"ws://127.0.0.1:{self.webs[0].port}/ws/rig/"
        self.start("rig", "robotdata.rig", str(path), "--spool", str(self.place.home / "spool"), "--url", url)

    def kill(self, name: str, how: int = signal.SIGKILL) -> None:
        """The process with all its children."""
        process = self.roles.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        process.wait(60)

    def log(self, name: str) -> Path:
        return self.place.home / f"{name}.log"

    def until(self, path: str, good: Callable[[Any], bool], within_s: float = 120) -> Any:
        """Ask the second web process, which has no rig, until it says so."""
        deadline = time.monotonic() + within_s
        while True:
            status, answer = self.webs[1].api("GET", path)
            if status == 200 and good(answer):
                return answer
            assert time.monotonic() < deadline, f"{path}: {answer}\n" + "\n".join(
                f"{name}: {self.log(name).read_text()[-1500:]}" for name in self.roles
            )
            time.sleep(0.05)

    def stop(self) -> None:
        for name in list(self.roles):
            self.kill(name, signal.SIGTERM if name == "rig" else signal.SIGKILL)
        for web in self.webs:
            web.stop()


@pytest.fixture(scope="module")
def fleet(place: Place, redis: Redis) -> Iterator[Fleet]:
    """All roles, and a person's keys."""
    place.env |= {"CELERY_BROKER_URL": redis.url(0), "CHANNEL_URL": redis.url(1)}
    keys = make_home(place.home, **place.env)
    fleet = Fleet(place, redis, (Web(place.home, keys, **place.env), Web(place.home, keys, **place.env)))
    try:
        fleet.start_worker()
        fleet.start_beat()
        fleet.start_rig()
        with ThreadPoolExecutor() as threads:
            list(threads.map(Web.start, fleet.webs))
        fleet.until("/rigs/bench", lambda rig: rig["state"] == "idle")
        yield fleet
    finally:
        fleet.stop()
