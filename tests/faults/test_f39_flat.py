"""F39: A process that encodes and commits batch after batch keeps no object, no open file and no thread of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nth_call import ROOT

pytestmark = pytest.mark.faults
POOL = """
import django
django.setup()
from recorder.management.embedded import Embedded, Options
(worker,) = [child for child in Embedded(Options(), say=print).children() if child.name == "worker"]
import json
print(json.dumps(worker.env))
"""


@pytest.mark.timeout(900)  # thirty batches on a busy machine
def test_what_has_been_committed_is_let_go(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to count open files")
    command = [sys.executable, "bench/memory.py", "--batches", "30"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    warm, last = looks[len(looks) // 3], looks[-1]
    assert last["batch"] - warm["batch"] >= 15
    # A batch has some thousand objects of its own; Celery, Django and numpy a few hundred that come and go.
    assert last["objects"] - warm["objects"] < 1000, looks
    assert last["files"] <= warm["files"] + 1 and last["threads"] <= warm["threads"] + 2, looks


def test_a_workers_process_gives_memory_back(tmp_path: Path) -> None:
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}

    def python(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    env |= json.loads(python(POOL))
    assert python("import pyarrow; print(pyarrow.default_memory_pool().backend_name)") == "system"
