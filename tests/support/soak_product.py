"""For `make soak`: the product as a tree of processes, which can be started, asked, measured and killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.fresh_home import WITH_TOKEN, fill_home
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"robotdata.web": "web", "celery": "worker", "robotdata.rig": "rig"}
RIG = """
[rig]
name = "{name}"
fps = 10
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
[cameras.front]
kind = "sim"
barcode = true
width = 288
height = 64
fps = 10
"""


class Away(Exception):
    """Nobody answers just now."""


class Product:
    """`manage.py run` in a home of its own; `before` are words that stand before the command."""

    def __init__(self, home: Path, rigs: int, before: Sequence[str] = ()) -> None:
        self.home = home
        self.before = before
        self.rigs = [f"rig{number}" for number in range(1, rigs + 1)]
        self.env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONUNBUFFERED": "1", "ROBOTDATA_JOB_LEASE_S": "5"}
        self.log = home / "soak.log"
        for name in self.rigs:
            (home / f"{name}.toml").write_text(RIG.format(name=name))
        self.port = free_port()
        self.token = ""
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *args]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=900)

    def python(self, code: str) -> None:
        """Run some lines in this home; raises where they fail."""
        env = {**self.env, "DJANGO_SETTINGS_MODULE": "robotdata.settings", "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True, timeout=120)

    def start(self, within_s: float = 180) -> None:
        """Start, again where what was killed has not let go of port and home yet, until the page answers."""
        if not self.token and not (self.home / ".state").exists() and "DATABASE_URL" not in self.env:
            self.token = fill_home(self.home, WITH_TOKEN)
        if not self.token:
            self.manage("migrate", "-v0")
            made = self.manage("token", "soak")
            if made.returncode:
                raise Away(f"no token could be made: {made.stderr[-2000:]}")
            self.token = made.stdout.split()[-1]
        command = [*self.before, sys.executable, "manage.py", "run", "--port", str(self.port)]
        command += [] if self.rigs else ["--no-rig"]
        for name in self.rigs:
            command += ["--rig", str(self.home / f"{name}.toml")]
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                with self.log.open("ab") as log:
                    self.process = subprocess.Popen(
                        command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
                    )
            try:
                if self.ask("GET", "/api/rigs")[0] == 200:
                    return
            except Away:
                pass
            time.sleep(0.5)
        raise Away(f"the page did not answer within {within_s:g} s; see {self.log}")

    def stop(self) -> int:
        """The orderly end, as by Ctrl-C; the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(120)

    def kill_everything(self) -> list[str]:
        """SIGKILL for whatever still runs in this home; what that was."""
        left = self.strays()
        for pid in left:
            _kill(pid)
        return list(left.values())

    def ask(self, method: str, path: str, body: Any = None, within_s: float = 30) -> tuple[int, Any]:
        """One request; raises Away where it was cut off: then it may have had its effect, or not."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=within_s)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            link.request(method, path, None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Away(str(error)) from error
        finally:
            link.close()
        if answer.headers.get_content_type() != "application/json":
            return answer.status, data
        return answer.status, json.loads(data)

    def parts(self) -> list[tuple[str, int]]:
        """(what, process) of everything that runs: supervisor, web, worker, the worker's children, rigs."""
        if self.process is None or self.process.poll() is not None:
            return []
        found = [("supervisor", self.process.pid)]
        for pid in children(self.process.pid):
            words = command_line(pid)
            part = next((PARTS[word] for word in words if word in PARTS), None)
            if part is not None:
                found.append((part, pid))
                found += [("encoder or clock", each) for each in children(pid) if part == "worker" and usage(each)]
        return found

    def kill(self, part: str, pid: int) -> None:
        """SIGKILL, without a warning; where it was the supervisor, everything is started again as a person would."""
        _kill(pid)
        if part == "supervisor" and self.process is not None:
            self.process.wait()

    def strays(self) -> dict[int, str]:
        """Processes of this home that still run, whoever their parent is."""
        mine = f"ROBOTDATA_HOME={self.home}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and mine in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = " ".join(command_line(int(entry.name)))[:200]
            except OSError:
                continue
        return found


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def usage(pid: int) -> tuple[float, int] | None:
    """Resident memory in MB and open files of a process; None where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        if not pages:  # dead, and not buried yet
            return None
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except (OSError, IndexError):
        return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
