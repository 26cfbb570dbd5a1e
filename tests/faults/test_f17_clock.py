"""F17: The scheduler in the worker is killed: the worker ends and starts again, so that the sweep continues."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.nth_call import ROOT

pytestmark = pytest.mark.faults


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_it_ends_so_that_it_is_started_again_when_its_clock_dies(tmp_path: Path) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to find a worker's children")
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    programs.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    args = ["-A", "robotdata", "worker", "-B", "-s", str(tmp_path / "beat"), "--concurrency", "1"]
    args += ["--without-gossip", "--without-mingle", "--loglevel", "info"]
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "celery", *args]
    with (
        log.open("wb") as out,
        programs.Popen(
            command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        ) as worker,
    ):
        try:
            end = time.monotonic() + 90
            while "beat: Starting" not in log.read_text() or "ready." not in log.read_text():
                assert time.monotonic() < end and worker.poll() is None, log.read_text()[-2000:]
                time.sleep(0.1)
            for child in children(worker.pid):  # the clock, and the pool's process, which the pool replaces
                os.kill(child, signal.SIGKILL)
            assert worker.wait(60) == os.EX_TEMPFAIL
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
