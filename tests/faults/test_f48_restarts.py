"""F48: while a real rig records, web, worker, Redis and PostgreSQL are killed and started again, in shuffled order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("psycopg", reason="requirements-scale.txt is not installed: the database is no server to kill")

from robotdata.spool import Take
from tests.faults.nth_call import ROOT
from tests.faults.rigs import RigProcess, rows_in, running, shown_at_rows, until
from tests.recorder.sockets.conftest import TOKEN, Web, make_home
from tests.scale.servers import Postgres, Redis

pytestmark = pytest.mark.faults
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

    def end(self) -> None:
        self.kill_worker()
        self.web.stop(signal.SIGKILL)
        self.redis.kill()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    postgres = Postgres()
    try:
        made = Scaled(tmp_path_factory.mktemp("home"), postgres.start())
        yield made
        made.end()
    finally:
        postgres.remove()


@pytest.fixture(scope="module")
def rig(product: Scaled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running(product.web, tmp_path_factory.mktemp("rig"), fps=20) as made:
        yield made


def recorded_on(rig: RigProcess, take: str) -> None:
    """Five more rows, whoever is away."""
    rows = rows_in(rig.spool / take)
    rig.written(take, rows + 5)


def page_says(rig: RigProcess, take: str) -> bool:
    """The page knows that this take runs, and how far it really is."""
    running_take = (rig.said.get("status") or {}).get("take") or {}
    rows = rows_in(rig.spool / take)
    return rig.state == "recording" and running_take.get("id") == take and abs(rows - running_take["ticks"]) < 40


def test_a_recording_is_unbroken_by_whatever_is_restarted_and_the_page_catches_up(
    product: Scaled, rig: RigProcess
) -> None:
    status, dataset = product.web.api("POST", "/datasets", {"title": "Restarts"})
    assert status == 201, dataset
    take = rig.record(dataset["slug"])
    rig.written(take, 5)
    chance, parts = random.Random(48), product.parts()
    orders = [chance.sample(PARTS, 4), chance.sample(PARTS, 4)]
    for part in orders[0]:  # one after the other
        kill, start = parts[part]
        kill()
        recorded_on(rig, take)
        start()
        until(lambda: page_says(rig, take))
    for part in orders[1]:  # all at once, and back in another order
        parts[part][0]()
    recorded_on(rig, take)
    for part in chance.sample(("redis", "database"), 2) + chance.sample(("web", "worker"), 2):
        parts[part][1]()
        recorded_on(rig, take)
    until(lambda: page_says(rig, take))
    assert rig.do("stop")[0] == 200
    manifest = rig.ended(take)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "stop")
    said = shown_at_rows(rig.spool / take)
    assert [code.tick for code in said] == list(range(manifest["ticks"])), "each tick, with its own picture"
    with Take.open(rig.spool / take) as whole:
        began = whole.column("monotonic_ns")
        period = 1e9 / 20
        gone = np.round(np.diff(began) / period) - 1
        assert gone.sum() <= manifest["counters"]["dropped_ticks"] + 2, "a tick is missing that nobody counted"
    assert rig.episode(take)["ticks"] == manifest["ticks"] and rig.episode(take)["verdict"] == "unreviewed"
    assert product.web.api("PATCH", f"/episodes/{take}", {"verdict": "keep"})[0] == 200
