"""A small sample of `bench/verify_alarms.py`: fresh statistics are never blamed, whatever was encoded, and how."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.nth_call import ROOT


def test_no_encode_raises_an_alarm() -> None:
    command = [sys.executable, "bench/verify_alarms.py", "--encodes", "24", "--seed", "3", "--most", "6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["encodes"] == 24
    assert found["alarms"] == []
