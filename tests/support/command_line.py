"""Runs a command of robotdata in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support import programs

ROOT = Path(__file__).resolve().parents[2]


def run_command(home: Path, *words: str) -> tuple[int, str]:
    """Return the exit status of `robotdata WORDS` in this home, and all that it says."""
    done = programs.run(
        [sys.executable, "-m", "robotdata", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "ROBOTDATA_HOME": str(home)},
    )
    return done.returncode, done.stdout + done.stderr
