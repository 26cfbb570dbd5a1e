"""The product with counters in every process, for `bench/budgets.py`: processor time, counts and disk syncs so far."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.counting import NAMES  # noqa: E402
from tests.support.soak_product import Product, children  # noqa: E402

PARTS = ("web", "worker", "rig")
Reading = Counter[tuple[str, str]]
"""By (process, what): `ms` of processor since the process started, the numbers of NAMES, and `syncs`."""

RIG = """
[rig]
name = "rig1"
fps = 30
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
""" + "".join(
    f'[cameras.{name}]\nkind = "sim"\nwidth = 640\nheight = 480\nfps = 30\n' for name in ("front", "top", "wrist")
)


class Measured:
    """`manage.py run` with counters; `keys` says who may sign in and which takes there are."""

    def __init__(self, home: Path, keys: dict[str, Any], *, rig: bool) -> None:
        self.home = home
        self.keys = keys
        self.counts = home / "counts"
        self.counts.mkdir(exist_ok=True)
        self.trace = home / f"syncs-{int(rig)}"
        self.product = Product(home, int(rig), before=_strace(self.trace))
        self.product.token = keys["token"]
        self.product.env |= {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "bench/counted"), str(ROOT)]),
            "ROBOTDATA_COUNTS": str(self.counts),
            "ROBOTDATA_LOG": "WARNING",
        }
        if rig:
            (home / "rig1.toml").write_text(RIG)
        self._pids: dict[str, set[int]] = {part: set() for part in PARTS}
        self._part_of_thread: dict[str, str] = {}
        self._syncs: Counter[str] = Counter()
        self._read_to = 0

    @property
    def counts_syncs(self) -> bool:
        """Whether strace counts the fsyncs of everybody, SQLite included."""
        return bool(self.product.before)

    def read(self) -> Reading:
        """Return what each process has used so far."""
        self._find_processes()
        reading: Reading = Counter()
        for part, pids in self._pids.items():
            reading[part, "ms"] = sum(_processor_ms(pid) for pid in pids)
            for pid in pids:
                for name, number in self._counted(pid).items():
                    reading[part, name] += number
        self._read_trace()
        for part, number in self._syncs.items():
            reading[part, "syncs"] = number
        return reading

    def wait_quiet(self, most_s: float = 120) -> None:
        """Wait until the worker writes nothing for longer than from one sweep to the next."""
        end = time.monotonic() + most_s
        while time.monotonic() < end:
            before = self.read()["worker", "fsyncs"]
            time.sleep(6)
            if self.read()["worker", "fsyncs"] == before:
                return
        sys.stderr.write("The worker still writes: what it costs is in the figures.\n")

    def _find_processes(self) -> None:
        for part, pid in self.product.parts():
            if part in PARTS:
                for each in _tree(pid):
                    self._pids[part].add(each)
                    for thread in _names(Path(f"/proc/{each}/task")):
                        self._part_of_thread[thread] = part

    def _counted(self, pid: int) -> dict[str, int]:
        try:
            numbers = memoryview((self.counts / f"{pid}.counts").read_bytes()).cast("Q")
        except OSError:
            return {}
        return dict(zip(NAMES, numbers, strict=True))

    def _read_trace(self) -> None:
        if not self.trace.exists():
            return
        with self.trace.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                if b"sync(" in line:
                    self._syncs[self._part_of_thread.get(line.split()[0].decode(), "other")] += 1


def make_home(home: Path) -> dict[str, Any]:
    """Fill the home by a process of its own; return what it says."""
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "bench/budget_home.py"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _strace(file: Path) -> list[str]:
    """Return the command that counts fsyncs of what it starts; empty where there is none, or it may not trace."""
    command = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none"]
    if shutil.which("strace") is None:
        return []
    tried = subprocess.run([*command, "-o", os.devnull, "true"], capture_output=True)
    return [] if tried.returncode else [*command, "-o", str(file)]


def _tree(pid: int) -> list[int]:
    return [pid, *(each for child in children(pid) for each in _tree(child))]


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _processor_ms(pid: int) -> float:
    """Return a process's own time and that of its children that have ended; 0 where it has ended itself."""
    try:
        own = time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of clock_getcpuclockid(3): in nanoseconds
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return (own + ended) * 1000
