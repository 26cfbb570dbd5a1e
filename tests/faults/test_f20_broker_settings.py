"""F20: With every broker setting wrong, workers do each job once; a harmful setting stops the start by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from robotdata.dataset import verify_dataset
from tests.faults.private_redis import Redis, redis
from tests.support.crowd import crowd
from tests.support.holding import hold, release
from tests.support.nth_call import ROOT
from tests.support.seen import shown

__all__ = ["redis"]
pytestmark = pytest.mark.faults
TICKS = (600, 9, 8, 7)


def test_nothing_rests_on_acknowledgement_prefetch_and_visibility(tmp_path: Path, redis: Redis) -> None:
    redis.start()
    with crowd(tmp_path) as home:
        home.env |= {"CELERY_BROKER_URL": redis.url, "DJANGO_SETTINGS_MODULE": "tests.faults.hostile_settings"}
        home.make(cubes=TICKS)
        home.begin("cubes")
        hold(tmp_path, "half")
        first = home.start("first")
        home.wait(lambda: any(done > 0 for (done,) in home.rows("select frames_done from recorder_job")))
        first.kill()  # with what it had prefetched, none of it acknowledged
        release(tmp_path)
        home.start("second")
        home.start("third")
        home.wait(lambda: home.rows("select state from recorder_operation") == [("done",)])
        assert home.rows("select state, attempt from recorder_job order by id") == [("done", 2), *[("done", 1)] * 3]
        home.wait(lambda: not home.staged() and not list((tmp_path / "spool").iterdir()))
        for worker in ("second", "third"):
            assert "Traceback" not in home.workers[worker].said, home.workers[worker].said[-3000:]
    folder = tmp_path / "datasets/cubes"
    assert verify_dataset(folder, deep=True).problems == []
    assert shown(folder) == [(number, list(range(ticks))) for number, ticks in enumerate(TICKS, 1)]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ({"CELERY_BROKER_URL": "memory://"}, "each process would have a queue of its own"),
        ({"HARM": "CELERY_TASK_TIME_LIMIT=60"}, "time_limit is set to 60 s"),
    ],
)
def test_a_worker_does_not_start_with_what_would_do_harm(tmp_path: Path, harm: dict[str, str], words: str) -> None:
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "tests.faults.harmful_settings"}
    command = [sys.executable, "-m", "celery", "-A", "robotdata", "worker", "--concurrency", "1"]
    done = subprocess.run(command, cwd=ROOT, env={**env, **harm}, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and words in done.stdout + done.stderr, done.stderr[-2000:]
