"""F17: The encoder or its worker is killed at the start, half way or the end: the job returns and makes one video."""

from __future__ import annotations

import os
import signal
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset.verify.check import verify_dataset
from tests.support.holding import SETTINGS, hold, release
from tests.support.seen import shown
from tests.support.soak_product import Product
from tests.support.sweeps import THOROUGH
from tests.support.whole import started, until
from tests.support.worker_home import SEED, encoder

pytestmark = pytest.mark.faults
TICKS = 600
Job = tuple[str, int, int]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to find the encoder")
    made = Product(tmp_path, 0)
    made.env |= {"ROBOTDATA_JOB_LEASE_S": "5", "ROBOTDATA_JOB_ATTEMPTS": "9", "DJANGO_SETTINGS_MODULE": SETTINGS}
    assert made.manage("migrate", "-v0").returncode == 0
    made.python(SEED)
    hold(tmp_path, "begin")
    with started(made):
        yield made


def rows(product: Product, query: str) -> list[Any]:
    database = f"file:{product.home}/.state/robotdata.sqlite3?mode=ro"
    with closing(sqlite3.connect(database, uri=True, timeout=20)) as connection:
        return connection.execute(query).fetchall()


def job(product: Product) -> Job:
    """State, try and frames done of the long one."""
    (found,) = rows(product, "select state, attempt, frames_done from recorder_job order by id limit 1")
    return found[0], found[1], found[2]


def staged(product: Product) -> list[str]:
    """The names of what lies in staging of the long one."""
    ((episode,),) = rows(product, "select episode_id from recorder_job order by id limit 1")
    folder = product.home / "staging" / str(uuid.UUID(episode))
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def began(product: Product) -> bool:
    return any(name.endswith(".part") for name in staged(product)) and job(product)[2] == 0


def is_half_way(product: Product) -> bool:
    return 0 < job(product)[2] < TICKS and any(name.endswith(".part") for name in staged(product))


def is_nearly_done(product: Product) -> bool:
    """Every frame is in the file, and it is not yet decoded and counted."""
    return any(not name.startswith(".") and name.endswith(".tmp.mp4") for name in staged(product))


WAITS = {began: "begin", is_half_way: "half", is_nearly_done: "end"}
KILLED = [(who, when) for who in ("encoder", "worker") for when in WAITS]
FEW = [("encoder", began), ("encoder", is_nearly_done), ("worker", is_nearly_done)]
"""Killed half way: the encoder in `test_f25_encoder_crash.py`, the worker in `recorder/test_worker.py`, in any case."""


def process(product: Product, who: str) -> int | None:
    worker = next((pid for part, pid in product.parts() if part == "worker"), None)
    return worker if who == "worker" or worker is None else encoder(worker)


def test_the_job_comes_back_and_one_video_is_the_result(product: Product) -> None:
    tries = 1
    for who, when in KILLED if THOROUGH else FEW:
        what = f"{who} killed, {when.__name__}"
        hold(product.home, WAITS[when])
        until(lambda tries=tries: job(product)[:2] == ("running", tries))
        pid = until(lambda who=who: process(product, who))
        until(lambda when=when: when(product))
        os.kill(pid, signal.SIGKILL)
        assert job(product)[0] != "done", what
        half = [name for name in staged(product) if not name.endswith((".part", ".tmp.mp4"))]
        assert not half, (what, half)
        assert not list((product.home / "datasets").rglob("*.mp4")), what
        tries += 1
        until(lambda tries=tries: job(product)[1] == tries)
    release(product.home)
    until(lambda: rows(product, "select state from recorder_operation") == [("done",)])
    assert job(product) == ("done", tries, TICKS)
    assert rows(product, "select state, episode_index from recorder_episode order by 2") == [
        ("encoded", 0),
        ("encoded", 1),
    ]
    until(lambda: not list((product.home / "staging").iterdir()) and not list((product.home / "spool").iterdir()))
    folder = product.home / "datasets/cubes"
    assert verify_dataset(folder, deep=True).problems == []
    assert shown(folder) == [(1, list(range(TICKS))), (2, list(range(9)))] and len(list(folder.rglob("*.mp4"))) == 1
