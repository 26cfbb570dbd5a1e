"""The scaled-out product: web, worker, Redis and PostgreSQL, each to be killed and started while a real rig records."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.recorder.sockets.conftest import TOKEN, Web, make_home
from tests.support.nth_call import ROOT
from tests.support.rigs import RigProcess, rows_in, shown_at_rows, ticks_gone_unsaid, until
from tests.support.servers import Postgres, Redis

PARTS = ("web", "worker", "redis", "database")


class Scaled:
    """Each part of the product a process of its own, between them Redis and PostgreSQL."""

    def __init__(self, home: Path, postgres: Postgres) -> None:
        self.home, self.postgres = home, postgres
        self.redis = Redis(home).start()
        env = {"DATABASE_URL": postgres.url(f"db_{uuid.uuid4().hex[:12]}"), "CELERY_BROKER_URL": self.redis.url(0)}
        env |= {"CHANNEL_URL": self.redis.url(1), "PYTHONWARNINGS": ""}
        self.web = Web(home, make_home(home, **env), **env).start()
        self.env = {**os.environ, **env, "ROBOTDATA_HOME": str(home), "ROBOTDATA_RIG_TOKEN": TOKEN}
        self.worker: subprocess.Popen[bytes] | None = None
        self.start_worker()

    def start_worker(self) -> None:
        args = ["-A", "robotdata", "worker", "--without-gossip", "--without-mingle", "--concurrency", "1"]
        with (self.home / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "celery", *args], cwd=ROOT, env=self.env, stdout=log, stderr=log, process_group=0
            )

    def kill_worker(self) -> None:
        if self.worker is not None:
            os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()
            self.worker = None

    def parts(self) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
        """How each is killed, and started again."""
        return {
            "web": (lambda: self.web.stop(signal.SIGKILL), self.web.start),
            "worker": (self.kill_worker, self.start_worker),
            "redis": (self.redis.kill, self.redis.start),
            "database": (self.postgres.stop, self.postgres.start),
        }

    def kill(self, part: str) -> None:
        self.parts()[part][0]()

    def start(self, part: str) -> None:
        self.parts()[part][1]()

    def end(self) -> None:
        self.kill_worker()
        self.web.stop(signal.SIGKILL)
        self.redis.kill()


@contextlib.contextmanager
def scaled(home: Path) -> Iterator[Scaled]:
    """Everything runs meanwhile; skips, saying so, where a server is not on this machine."""
    postgres = Postgres()
    try:
        made = Scaled(home, postgres.start())
        try:
            yield made
        finally:
            made.end()
    finally:
        postgres.remove()


def one_after_the_other(product: Scaled, rig: RigProcess, take: str, chance: random.Random) -> list[float]:
    """Each part killed and started, in any order; how long the page needed after each start, in seconds."""
    took = []
    for part in chance.sample(PARTS, 4):
        product.kill(part)
        recorded_on(rig, take)
        product.start(part)
        took.append(catches_up(rig, take))
    return took


def all_at_once(product: Scaled, rig: RigProcess, take: str, chance: random.Random) -> list[float]:
    """All of them away, in any order, and back in another; web and worker need the others to start."""
    for part in chance.sample(PARTS, 4):
        product.kill(part)
    recorded_on(rig, take)
    for part in chance.sample(("redis", "database"), 2) + chance.sample(("web", "worker"), 2):
        product.start(part)
        recorded_on(rig, take)
    return [catches_up(rig, take)]


def recorded_on(rig: RigProcess, take: str) -> None:
    """Five more rows, whoever is away."""
    rig.written(take, rows_in(rig.spool / take) + 5)


def catches_up(rig: RigProcess, take: str) -> float:
    """Wait until the page knows that this take runs, and how far it really is; how long that was, in seconds."""

    def says() -> bool:
        running = (rig.said.get("status") or {}).get("take") or {}
        rows = rows_in(rig.spool / take)
        return rig.state == "recording" and running.get("id") == take and abs(rows - running["ticks"]) < 40

    began = time.monotonic()
    until(says)
    return time.monotonic() - began


def unbroken(product: Scaled, rig: RigProcess, take: str) -> dict[str, Any]:
    """Stop the take; its manifest, where every tick is there with its own picture and the list says the same."""
    assert rig.do("stop")[0] == 200
    manifest = rig.ended(take)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "stop")
    said = shown_at_rows(rig.spool / take)
    assert [code.tick for code in said] == list(range(manifest["ticks"])), "each tick, with its own picture"
    assert ticks_gone_unsaid(rig.spool / take) <= 3, "a tick is missing that nobody counted"
    assert rig.episode(take)["ticks"] == manifest["ticks"] and rig.episode(take)["verdict"] == "unreviewed"
    assert product.web.api("PATCH", f"/episodes/{take}", {"verdict": "keep"})[0] == 200
    return manifest
