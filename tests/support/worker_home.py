"""A home with real Celery workers: seeded, started, killed and read."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import programs
from tests.support.fresh_home import fill_home
from tests.support.holding import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


SEED = """
import sys, uuid
from pathlib import Path
import django
django.setup()
from django.conf import settings
from recorder.models import Dataset, Episode
from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.catalog.takes import index_take
from tests.recorder.conftest import FRONT, H264, write_take
slow = {"codec": "h264", "crf": 18, "g": 2, "preset": "placebo"}
dataset = Dataset.objects.create(slug="cubes", title="Cubes", encoding=slow)
for number, ticks in enumerate((600, 9), 1):
    pk = str(uuid.uuid4())
    write_take(Path(settings.SPOOL_DIR) / pk, number=number, ticks=ticks, cameras=(FRONT,))
    index_take(take_id=pk, actor=Actor("olga"))
Episode.objects.update(verdict="keep")
start_encoding(dataset=dataset, actor=Actor("olga"))
"""


# Another batch waits: the bells of its three jobs were rung before the first batch can be committed.
NEXT_BATCH = """
import uuid
from pathlib import Path
import django
django.setup()
from django.conf import settings
from recorder.models import Dataset, Episode
from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.catalog.takes import index_take
from tests.recorder.conftest import FRONT, H264, write_take
for number in range(4):
    slug = "cubes" if number == 0 else "cups"
    dataset, _ = Dataset.objects.get_or_create(slug=slug, defaults={"title": slug, "encoding": H264})
    pk = str(uuid.uuid4())
    write_take(Path(settings.SPOOL_DIR) / pk, number=number, ticks=9, cameras=(FRONT,), dataset=slug)
    index_take(take_id=pk, actor=Actor("olga"))
Episode.objects.update(verdict="keep")
for slug in ("cubes", "cups"):
    start_encoding(dataset=Dataset.objects.get(slug=slug), actor=Actor("olga"))
"""


class Home:
    """A home of its own with its database, and a worker."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {
            **os.environ,
            "ROBOTDATA_HOME": str(path),
            "ROBOTDATA_JOB_LEASE_S": "5",  # a busy machine may stand still for longer than two seconds
            "DJANGO_SETTINGS_MODULE": SETTINGS,
        }
        self.worker: subprocess.Popen[bytes] | None = None

    def python(self, *args: str) -> str:
        done = programs.run(
            [sys.executable, *args], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_worker(self) -> None:
        beat = str(self.path / ".state/beat")
        args = ["-A", "robotdata", "worker", "-B", "-s", beat, "--without-gossip", "--without-mingle"]
        with (self.path / "worker.log").open("ab") as log:
            self.worker = programs.Popen(
                [sys.executable, "-m", "celery", *args, "--concurrency", "1", "--loglevel", "warning"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill_worker(self) -> None:
        if self.worker is not None:
            os.killpg(self.worker.pid, signal.SIGKILL)  # parent, child and beat
            self.worker.wait()
            self.worker = None

    def rows(self, query: str) -> list[Any]:
        with sqlite3.connect(f"file:{self.path}/.state/robotdata.sqlite3?mode=ro", uri=True, timeout=20) as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found

    def wait(self, until: Callable[[], bool], timeout_s: float = 120) -> None:
        end = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < end, f"it never came true\n{self.said}"
            time.sleep(0.1)

    @property
    def said(self) -> str:
        """The end of what each of its workers has said."""
        logs = sorted(self.path.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-3000:]}" for log in logs)


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    fill_home(home.path)
    yield home
    home.kill_worker()


def nice(pid: int) -> int:
    """How much a process gives way to others; 0 where it has gone meanwhile."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def encoder(worker: int) -> int | None:
    """The pool's process: the one of its children that gives way."""
    lists = Path(f"/proc/{worker}/task").glob("*/children")  # of each thread: a new one is not the first thread's
    return next((int(pid) for each in lists for pid in each.read_text().split() if nice(int(pid)) == 10), None)
