"""Breaks a real process at its 1st, 2nd, 3rd ... call of the system, until a run goes through.

`strace` injects: nothing of ours knows that it is being broken. A scenario is a module of `tests/faults` with a
`main` that is run as a process of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support import programs

ROOT = Path(__file__).resolve().parents[2]
CALLS = {
    "write": "write,pwrite64,writev",
    "fsync": "fsync,fdatasync",
    "rename": "rename,renameat,renameat2,link,linkat",
    "unlink": "unlink,unlinkat,rmdir",
}
ANY = "any"
ONLY = "only {}"
"""One name of a kind: strace counts each apart, so of several that are broken at once only the first to come is."""
CALLS |= {ONLY.format(name): name for names in CALLS.values() for name in names.split(",")}
CALLS[ANY] = ",".join(names for kind, names in CALLS.items() if kind.startswith("only "))
KILL = "signal=KILL"
FULL_DISK = "error=ENOSPC"
BAD_DISK = "error=EIO"
LIST = ""  # breaks nothing, and names the files of all calls


ATTACH_WITHIN_S = 60.0

# Linux may let only parents attach (yama's ptrace_scope=1), unless the process itself allows others. Without yama this
# fails, and nothing is lost.
LET_OTHERS_ATTACH = "import ctypes; ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)"

# The first call that strace sees of a process gets an answer that no system gives: from now on it counts.
WAIT_FOR_STRACE = f"""
import os, runpy, time
{LET_OTHERS_ATTACH}
end = time.monotonic() + {ATTACH_WITHIN_S}
while os.getpriority(os.PRIO_PROCESS, 0) != 20 - 77:
    if time.monotonic() > end:
        raise SystemExit("strace has not attached")
    time.sleep(0.001)
runpy.run_module("{{scenario}}", run_name="__main__", alter_sys=True)
"""
PROBED = f"{LET_OTHERS_ATTACH}; print('here', flush=True); input()"


@dataclass(frozen=True)
class Broken:
    """One run that was broken at call `n`; `code` is how the process ended, `said` what it printed."""

    n: int
    code: int
    said: str
    errors: str

    @property
    def went_through(self) -> bool:
        """It ended well, and no call was broken."""
        return self.code == 0 and "INJECTED" not in self.errors


def need_strace() -> None:
    """Skips, saying why, where processes cannot be traced."""
    if not shutil.which("strace"):
        pytest.skip("strace is not on this machine: calls cannot be broken one by one")
    probe = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()}")


def need_attaching() -> None:
    """Skips, saying why, where a process that runs already cannot be traced."""
    need_strace()
    if refusal := why_not_attached():
        pytest.skip(f"strace may not attach to a running process here: {refusal}")


@cache
def why_not_attached() -> str:
    """Attach strace to a process that it did not start; returns what it says if it may not, else an empty text."""
    with subprocess.Popen([sys.executable, "-c", PROBED], stdin=-1, stdout=-1, text=True) as sibling:
        try:
            assert sibling.stdout is not None and sibling.stdout.readline() == "here\n"
            command = ["strace", "-qq", "-e", "trace=none", "-e", "signal=none", "-p", str(sibling.pid)]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
                end = time.monotonic() + ATTACH_WITHIN_S
                while strace.poll() is None and not is_traced(sibling.pid) and time.monotonic() < end:
                    time.sleep(0.005)
                attached = is_traced(sibling.pid)
                sibling.kill()
                said = strace.communicate(timeout=60)[1].strip()
        finally:
            sibling.kill()
    return "" if attached else said or "it says nothing"


def is_traced(pid: int | str) -> bool:
    """Whether a process traces this one."""
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


def run_broken(scenario: str, home: Path, *, call: str, how: str, n: int) -> Broken:
    """One run of the scenario, its n-th `call` broken: a fork, or an interpreter where strace may not attach to one."""
    trace = home.with_suffix(".trace")
    strace, inject = strace_words(trace, call=call, how=how, n=n)
    run = _start_traced if why_not_attached() else _attach
    code, said, errors = run(strace, inject, CALLS[call], scenario, home)
    assert trace.exists(), errors
    traced = "".join(line for line in trace.read_text().splitlines(keepends=True) if "getpriority(" not in line)
    trace.unlink()
    return Broken(n, code, said, errors + traced)


def strace_words(trace: Path, *, call: str, how: str, n: int) -> tuple[list[str], list[str]]:
    """strace that writes `trace`, and its words that break the n-th call of each thread; LIST breaks none."""
    strace = ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(trace), *([] if how else ["-y"])]
    return strace, ["-e", f"inject={CALLS[call]}:{how}:when={n}"] if how else []


def _attach(strace: list[str], inject: list[str], calls: str, scenario: str, home: Path) -> tuple[int, str, str]:
    """Trace a fork from where its scenario begins; returns how it ended, and what it said to both streams."""
    command = [*strace, "-e", f"trace={calls},getpriority", *inject, "-e", "inject=getpriority:retval=77:when=1"]
    with programs.Popen(
        [sys.executable, "-c", WAIT_FOR_STRACE.format(scenario=scenario), str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        cwd=ROOT,
    ) as process:
        try:
            done = subprocess.run([*command, "-p", str(process.pid)], capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, f"strace did not attach: {done.stderr}"
            said, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    return process.returncode, said, errors


def _start_traced(strace: list[str], inject: list[str], calls: str, scenario: str, home: Path) -> tuple[int, str, str]:
    """Have strace start an interpreter; returns what `_attach` returns."""
    command = [*strace, "-e", f"trace={calls}", *inject, sys.executable, "-m", scenario, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(), cwd=ROOT, timeout=120)
    return done.returncode, done.stdout, done.stderr


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
