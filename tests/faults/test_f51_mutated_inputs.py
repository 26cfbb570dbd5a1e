"""F51: A small fixed sample of `make fuzz`: mutated takes and datasets through start, sweep, pages and media.

The large runs are `make fuzz SEED=1 CASES=100000`; their figures are in bench/results/fuzz.md.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.nth_call import ROOT
from tests.support.sweeps import THOROUGH

pytestmark = pytest.mark.faults
CASES, GROUP = (150, 50) if THOROUGH else (60, 30)


def test_nothing_in_the_files_of_takes_and_datasets_stops_anything() -> None:
    command = [sys.executable, "bench/fuzz.py", "--seed", "51", "--cases", f"{CASES}"]
    command += ["--group", f"{GROUP}", "--workers", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr  # 1: something failed; 2: a worker ended early
    assert f"{CASES} cases of seed 51" in done.stdout
