"""F19: The broker ends and comes back empty: waiting jobs are rows, and the sweep notifies the workers again."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.private_redis import Redis, redis
from tests.support import programs
from tests.support.nth_call import ROOT

__all__ = ["redis"]
pytestmark = pytest.mark.faults
SEED = """
import uuid
from pathlib import Path
import django
django.setup()
from django.conf import settings
from recorder.models import Dataset, Episode
from recorder.actor import WORKER, Actor
from recorder.jobs.encoding import start_encoding
from recorder.catalog.takes import index_take
from tests.recorder.conftest import FRONT, H264, write_take
dataset = Dataset.objects.create(slug="cubes", title="Cubes", encoding=H264)
pk = str(uuid.uuid4())
write_take(Path(settings.SPOOL_DIR) / pk, number=1, ticks=8, cameras=(FRONT,))
index_take(take_id=pk, actor=WORKER)
Episode.objects.update(verdict="keep")
print(start_encoding(dataset=dataset, actor=Actor("olga")).state)
"""
# As if the time had come at which the sweep rings for what it was not told of.
SWEEP = """
import django
django.setup()
from recorder.models import Job
from recorder.worker.sweep import sweep
Job.objects.filter(state="queued").update(lease_until="2020-01-01T00:00:00Z")
sweep()
"""


def state_of_operation(home: Path) -> str:
    with contextlib.closing(sqlite3.connect(home / ".state/robotdata.sqlite3")) as database:
        return str(database.execute("select state from recorder_operation").fetchone()[0])


def test_it_encodes_what_was_begun_while_the_broker_was_gone(tmp_path: Path, redis: Redis) -> None:
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path / "home"), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    env["CELERY_BROKER_URL"] = redis.url

    def python(*args: str) -> str:
        command = [sys.executable, *args]
        done = programs.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    python("manage.py", "migrate", "-v0")
    said = python("-c", SEED)  # with no broker at all
    assert "queued" in said and "The queue is unreachable" in said
    redis.start()
    log = tmp_path / "worker.log"
    args = ["-A", "robotdata", "worker", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    with (
        log.open("wb") as out,
        programs.Popen(
            [sys.executable, "-m", "celery", *args],
            cwd=ROOT,
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as worker,
    ):
        try:
            redis.kill()  # with what it knew
            redis.start()
            python("-c", SWEEP)
            end = time.monotonic() + 120
            while (state := state_of_operation(tmp_path / "home")) != "done":
                assert time.monotonic() < end, (state, log.read_text()[-2000:])
                time.sleep(0.2)
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
    assert "1 episode, 8 frames: nothing wrong" in python("manage.py", "verify", "cubes", "--deep")
