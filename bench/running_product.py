"""The product as a person starts it, for a benchmark with a browser."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def product(home: Path, *options: str) -> Iterator[str]:
    """Run `manage.py run` at a free port, and give the sign-in link that it prints."""
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "manage.py", "run", "--port", "0", *options]
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            yield next(line.split()[-1] for line in process.stdout or () if "/sign-in/?code=" in line)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
