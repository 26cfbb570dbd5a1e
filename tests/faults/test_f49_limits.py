"""F46, F49, F50: No more processes, or a read-only home or database: the start reports it and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SmallDisk
from tests.support.nth_call import ROOT, need_strace

pytestmark = pytest.mark.faults
STARTS = """
import time
from robotdata.supervisor import Child, Supervisor
said = []
supervisor = Supervisor([Child("web", "time", []), Child("rig", "time", [])], say=said.append)
supervisor.start_all()
print(*said, sep="\\n")
assert not any(child.alive() for child in supervisor.children)
end = time.monotonic() + 20
while not all(child.process for child in supervisor.children):
    assert time.monotonic() < end
    supervisor.tick()
print("both are started")
supervisor.stop_all()
"""


def run(home: Path, *command: str) -> tuple[int, str]:
    env = {**os.environ, "ROBOTDATA_HOME": str(home)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def manage(home: Path, *args: str) -> tuple[int, str]:
    return run(home, sys.executable, "manage.py", *args)


def test_it_says_that_no_more_processes_may_be_started_and_tries_again(tmp_path: Path) -> None:
    need_strace()
    calls = "fork,vfork,clone,clone3"
    command = ["strace", "-qq", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EAGAIN:when=1..2"]
    code, said = run(tmp_path, *command, sys.executable, "-c", STARTS)
    assert code == 0, said
    for name in ("web", "rig"):
        assert f"{name} cannot be started (Resource temporarily unavailable: check `ulimit -u`" in said
    assert "both are started" in said


def test_a_database_that_may_only_be_read_is_named_before_anything_starts(tmp_path: Path) -> None:
    home, as_a_user = tmp_path / "home", []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write to everything, and there is no `setpriv` to take that right away")
        as_a_user = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    assert manage(home, "migrate", "-v0")[0] == 0
    database = home / ".state/robotdata.sqlite3"
    database.chmod(0o444)
    code, said = run(home, *as_a_user, sys.executable, "manage.py", "run", "--port", "0")
    assert code == 1 and "Traceback" not in said, said
    assert f"The database {database} cannot be used (attempt to write a readonly database)" in said
    assert "manage.py rebuild" in said and "robotdata is ready" not in said


@pytest.mark.parametrize("fresh", [True, False])
def test_a_home_that_may_only_be_read_is_named_before_anything_starts(
    small_disk: Callable[[str], SmallDisk], fresh: bool
) -> None:
    disk = small_disk("64m")
    home = disk.path / "home"
    if not fresh:
        assert manage(home, "migrate", "-v0")[0] == 0
    disk.again("ro")
    code, said = manage(home, "run", "--port", "0")
    disk.again("rw")
    assert code == 1 and "Traceback" not in said, said
    assert str(home) in said and "Read-only file system" in said and "ROBOTDATA_HOME=" in said
