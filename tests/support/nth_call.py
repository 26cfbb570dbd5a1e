"""Breaks a real process at its 1st, 2nd, 3rd ... call of the system, until a run goes through.

`strace` injects: nothing of ours knows that it is being broken. A scenario is a module of `tests/faults` with a
`main` that is run as a process of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CALLS = {
    "write": "write,pwrite64,writev",
    "fsync": "fsync,fdatasync",
    "rename": "rename,renameat,renameat2,link,linkat",
    "unlink": "unlink,unlinkat,rmdir",
}
KILL = "signal=KILL"
FULL_DISK = "error=ENOSPC"
BAD_DISK = "error=EIO"


@dataclass(frozen=True)
class Broken:
    """One run that was broken at call `n`; `code` is how the process ended, `said` what it printed."""

    n: int
    code: int
    said: str
    errors: str


def need_strace() -> None:
    """Skips, saying why, where processes cannot be traced."""
    if not shutil.which("strace"):
        pytest.skip("strace is not on this machine: calls cannot be broken one by one")
    probe = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()}")


def every_call(
    scenario: str, folder: Path, *, call: str, how: str, step: int | None = None, most: int = 400
) -> Iterator[tuple[Broken, Path]]:
    """Runs `python -m scenario <fresh folder>` broken at call 1, 1+step, ... until a run is not broken any more.

    Writes are many: the suite breaks every third of them, ROBOTDATA_EVERY_CALL=1 each one.

    Yields each broken run with its folder. Fails where `most` runs were not enough.
    """
    need_strace()
    sparse = call == "write" and not os.environ.get("ROBOTDATA_EVERY_CALL")
    for n in range(1, most, step or (3 if sparse else 1)):
        home = folder / f"{call}-{n}"
        home.mkdir(parents=True)
        done = run_broken(scenario, home, call=call, how=how, n=n)
        if done.code == 0 and "INJECTED" not in done.errors:
            return
        yield done, home
        shutil.rmtree(home)
    raise AssertionError(f"{scenario} still meets a broken {call} after {most} runs")


def run_broken(scenario: str, home: Path, *, call: str, how: str, n: int) -> Broken:
    """One run of the scenario, its n-th `call` broken."""
    trace = home.with_suffix(".trace")
    command = ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(trace), "-e", f"trace={CALLS[call]}"]
    command += ["-e", f"inject={CALLS[call]}:{how}:when={n}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [*command, sys.executable, "-m", scenario, str(home)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    traced = trace.read_text() if trace.exists() else ""
    trace.unlink(missing_ok=True)
    return Broken(n, done.returncode, done.stdout, done.stderr + traced)


def stride(call: str, **steps: int) -> int:
    """The suite's step between broken calls of this kind; ROBOTDATA_EVERY_CALL=1 breaks each one."""
    return 1 if os.environ.get("ROBOTDATA_EVERY_CALL") else steps.get(call, 1)
