"""F18: Two real workers hold one job: one result, no second file, and the other worker stops quietly."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from robotdata.dataset import verify_dataset
from tests.support.crowd import crowd
from tests.support.holding import hold, let_sleep, release
from tests.support.seen import shown

pytestmark = pytest.mark.faults
# Every job's bell six times more, so that each worker hears of it.
RING = """
import django
django.setup()
from recorder.jobs.notify import wake_workers
from recorder.models import Job
for _ in range(6):
    for pk in Job.objects.order_by("pk").values_list("pk", flat=True):
        wake_workers("run_job", pk)
"""


def test_one_of_two_workers_has_the_effect(tmp_path: Path) -> None:
    with crowd(tmp_path) as home:
        home.make(cubes=(600, 9))
        home.begin("cubes")
        home.python("-c", RING)
        hold(tmp_path, "half")
        first = home.start("first")
        home.wait(lambda: any(done > 0 for (done,) in home.rows("select frames_done from recorder_job")))
        let_sleep(tmp_path, first.send)  # as a laptop that sleeps: what it had in its hands is given to another
        assert home.rows("select state, attempt from recorder_job order by id") == [("running", 1), ("queued", 0)]
        second = home.start("second")
        home.wait(lambda: bool(home.rows("select 1 from recorder_job where attempt = 2 and frames_done > 0")))
        first.send(signal.SIGCONT)
        release(tmp_path)  # now both encode it
        home.wait(lambda: home.rows("select state from recorder_operation") == [("done",)])
        home.wait(lambda: "or given to another worker" in first.said)
        assert home.rows("select state, attempt, frames_done from recorder_job order by id") == [
            ("done", 2, 600),
            ("done", 1, 9),
        ]
        home.wait(lambda: not home.staged() and not list((tmp_path / "spool").iterdir()))
        for worker in (first, second):
            assert worker.said.count("run_job") > 1, "it was told more than once"
            assert worker.process.poll() is None and "Traceback" not in worker.said, worker.said[-3000:]
    folder = tmp_path / "datasets/cubes"
    assert verify_dataset(folder, deep=True).problems == []
    assert shown(folder) == [(1, list(range(600))), (2, list(range(9)))]
    assert len(list(folder.rglob("*.mp4"))) == 1
