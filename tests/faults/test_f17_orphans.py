"""F17: A worker is killed: the processes that it started do not live on beside the next worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robotdata.supervisor import Child, Supervisor

pytestmark = pytest.mark.faults
# A worker that has a child of its own, as Celery has its pool and its clock.
WORKER = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
path = pathlib.Path(sys.argv[1])
path.with_suffix(".part").write_text(str(child.pid))
path.with_suffix(".part").rename(path)
time.sleep(120)
"""
# Hears nothing, so that only the last word of its lifeline ends it.
DEAF = """
import os, signal, subprocess, sys, time
from robotdata import lifeline
lifeline.GRACE_S = 0.2
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
lifeline.hold(int(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(120)
"""


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "waited 60 s in vain"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(autouse=True)
def linux() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to see whether a process is there")


def test_it_takes_a_killed_workers_children_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    supervisor = Supervisor([Child("worker", "a_worker", [str(tmp_path / "pid")])], say=lambda _: None)
    supervisor.start_all()
    try:
        wait_for((tmp_path / "pid").exists)
        encoder = int((tmp_path / "pid").read_text())
        process = supervisor.children[0].process
        assert process is not None and not gone(encoder)
        process.kill()
        process.wait()
        supervisor.tick()
        wait_for(lambda: gone(encoder))
    finally:
        supervisor.stop_all()


def test_it_leaves_no_child_of_a_child_when_the_supervisor_is_killed() -> None:
    reads, writes = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", DEAF, str(reads)],
        pass_fds=[reads],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as worker:
        os.close(reads)
        assert worker.stdout is not None
        encoder = int(worker.stdout.readline())
        os.close(writes)  # the supervisor is gone
        assert worker.wait(60) == -signal.SIGKILL
        wait_for(lambda: gone(encoder))
