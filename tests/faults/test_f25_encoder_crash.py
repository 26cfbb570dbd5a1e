"""F25: The encoder's library crashes at a bad frame and takes its process along; the worker lives on."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import pytest

from tests.support.holding import hold, release
from tests.support.worker_home import SEED, Home, encoder, own_home

__all__ = ["own_home"]
pytestmark = pytest.mark.faults


def takes(home: Home) -> list[str]:
    return [folder.name for folder in (home.path / "spool").iterdir()]


def test_a_crashed_encoder_costs_one_try(own_home: Home) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to find the encoder")
    own_home.python("-c", SEED)
    hold(own_home.path, "half")
    own_home.start_worker()
    own_home.wait(lambda: any(done > 0 for (done,) in own_home.rows("select frames_done from recorder_job")))
    worker = own_home.worker
    assert worker is not None
    crashed = encoder(worker.pid)
    assert crashed is not None
    os.kill(crashed, signal.SIGSEGV)
    release(own_home.path)
    own_home.wait(lambda: own_home.rows("select state from recorder_operation") == [("done",)])
    assert own_home.rows("select state, attempt from recorder_job order by id") == [("done", 2), ("done", 1)]
    assert worker.poll() is None and encoder(worker.pid) not in {None, crashed}, "the pool has made another"


def test_a_take_that_crashes_every_encoder_fails_alone_and_says_so(own_home: Home) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to find the encoder")
    own_home.python("-c", SEED)
    hold(own_home.path, "half")
    own_home.start_worker()
    worker = own_home.worker
    assert worker is not None
    crashed: set[int] = set()

    def crash_it_again() -> bool:
        job = own_home.rows("select state, frames_done, attempt from recorder_job order by id limit 1")
        ((state, done, attempt),) = job
        if state == "running" and done > 0 and attempt not in crashed and (pid := encoder(worker.pid)) is not None:
            crashed.add(attempt)
            os.kill(pid, signal.SIGSEGV)
        return bool(state == "failed")

    own_home.wait(crash_it_again)
    assert crashed == {1, 2, 3}
    ((words,),) = own_home.rows("select error from recorder_job where state = 'failed'")
    assert "crashed" in words and "worker's log" in words and "tried 3 times" in words
    own_home.wait(lambda: own_home.rows("select state from recorder_operation") == [("done",)])
    rows = own_home.rows("select state, error from recorder_episode order by ticks")
    assert [state for state, _ in rows] == ["encoded", "failed"] and words in rows[1][1]
    ((of_batch,),) = own_home.rows("select error from recorder_operation")
    assert "1 of 2 episodes failed and were left out" in of_batch and words in of_batch
    # The raw take of the one that is committed goes a moment later; that of the failed one is kept.
    own_home.wait(lambda: len(takes(own_home)) == 1)
    ((failed,),) = own_home.rows("select id from recorder_episode where state = 'failed'")
    assert worker.poll() is None and takes(own_home) == [str(uuid.UUID(failed))]
