"""Starts Python programs of the product in forks of a warm process (`tests.support.nursery`), as `subprocess` would.

`Popen` and `run` take what those of `subprocess` take, and fall back to them for whatever a fork cannot be the same
in: another interpreter's options, libraries that are loaded before, wrappers. ROBOTDATA_TEST_FORKS=0 turns forks off.
Processes on PostgreSQL or Redis are forks where ROBOTDATA_TEST_SCALED is set: their clients are imported before.
Without pytest there are none either: what a benchmark measures is what a person starts.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROOM_FOR_WORDS = "-" * 8000
# By its path: another environment may have a package `tests` of its own.
BY_PATH = f"import runpy; runpy.run_path({str(ROOT / 'tests/support/nursery.py')!r}, run_name='__main__')"
STARTING_OTHERS = {"run", "station", "robotdata.station", "robotdata.station.process"}
PLAIN = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
SCALED_OUT = ("DATABASE_URL", "CHANNEL_URL", "CELERY_BROKER_URL")
STARTING: defaultdict[tuple[str, str, str], threading.Lock] = defaultdict(threading.Lock)
ROOM_PROGRAMS = {"robotdata.rig", "robotdata.station", "rig", "station"}


class Nursery:
    """A warm process, and the socket at which it is asked for forks."""

    def __init__(self, end: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self.end, self.process, self.lock = end, process, threading.Lock()

    def close(self) -> None:
        """It ends, for nobody can ask it any more; its forks live on."""
        self.end.close()
        if self.process is not None:
            self.process.wait(30)

    def fork(self, asked: dict[str, Any], files: Sequence[int]) -> int:
        """Start a program; returns its process, a child of this one."""
        with self.lock:
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
            self.end.sendmsg([json.dumps(asked).encode()], control)
            return int(self.end.recv(100))


def nursery(kind: str, python: str = sys.executable, path: str = str(ROOT)) -> Nursery:
    """The warm process of this kind, for programs of one Python whose PYTHONPATH is `path`; threads share it."""
    with STARTING[kind, python, path]:
        return start_nursery(kind, python, path)


@cache
def start_nursery(kind: str, python: str, path: str) -> Nursery:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    home = Path(os.environ["ROBOTDATA_HOME"]) / "nursery"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROBOTDATA_", "DJANGO_"))}
    env = {**kept, "PYTHONPATH": path, **NO_THREADS, "ROBOTDATA_HOME": str(home)}
    words = [python, "-c", BY_PATH, str(there.fileno()), kind, ROOM_FOR_WORDS]
    process = subprocess.Popen(words, cwd=ROOT, env=env, pass_fds=(there.fileno(),), stdin=subprocess.DEVNULL)
    there.close()
    made = Nursery(here, process)
    atexit.register(made.close)
    assert here.recv(100) == b"ready", "the nursery did not start: what it has said stands above"
    return made


class Popen(subprocess.Popen[Any]):
    """As that of `subprocess`."""

    def _execute_child(self, *args: Any) -> None:
        names = subprocess.Popen._execute_child.__code__.co_varnames[1 : len(args) + 1]  # type: ignore[attr-defined]
        asked = dict(zip(names, args, strict=True))
        if (warm := self._nursery(asked)) is None:
            super()._execute_child(*args)  # type: ignore[misc]
            return
        fork_instead(self, warm, asked)

    def _nursery(self, asked: Mapping[str, Any]) -> Nursery | None:
        off = "PYTEST_VERSION" not in os.environ or os.environ.get("ROBOTDATA_TEST_FORKS") == "0"
        kind = None if off else kind_of(asked)
        return None if kind is None else nursery(kind)


def run(
    command: Sequence[Any],
    *,
    start: type[subprocess.Popen[Any]] = Popen,
    check: bool = False,
    capture_output: bool = False,
    input: Any = None,
    timeout: float | None = None,
    **more: Any,
) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`, of a process that `start` starts."""
    if capture_output:
        more |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        more["stdin"] = subprocess.PIPE
    with start(command, **more) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done: subprocess.CompletedProcess[Any] = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def kind_of(asked: Mapping[str, Any]) -> str | None:
    """Which nursery can start this program as an interpreter would; None: an interpreter must."""
    words = [os.fsdecode(each) for each in asked["args"]] if isinstance(asked["args"], (list, tuple)) else []
    if sys.platform != "linux" or len(words) < 2 or words[0] != sys.executable or asked["executable"] or asked["shell"]:
        return None
    if words[1].startswith("-") and words[1] not in ("-m", "-c"):
        return None
    plain = not asked["preexec_fn"] and asked["close_fds"] and asked["gid"] is asked["gids"] is asked["uid"] is None
    if not plain or asked["umask"] >= 0 or asked["process_group"] > 0:
        return None
    env = os.environ if asked["env"] is None else asked["env"]
    if any(name.startswith(("PYTHON", "LD_")) and name not in PLAIN and value for name, value in env.items()):
        return None
    if any(Path(each, "sitecustomize.py").exists() for each in env.get("PYTHONPATH", "").split(os.pathsep) if each):
        return None
    if any(env.get(name) for name in SCALED_OUT):
        return "scaled" if env.get("ROBOTDATA_TEST_SCALED") else None
    return "rooms" if words[1] == "-m" and ROOM_PROGRAMS & set(words[2:4]) else "product"


def fork_instead(process: Any, warm: Nursery, asked: Mapping[str, Any]) -> None:
    """Do what `subprocess.Popen._execute_child` does."""
    words = [os.fsdecode(each) for each in asked["args"]][1:]
    env = os.environ if asked["env"] is None else asked["env"]
    streams = [asked["p2cread"], asked["c2pwrite"], asked["errwrite"]]
    given = [number if each == -1 else each for number, each in enumerate(streams)]
    places = [0, 1, 2, *asked["pass_fds"]]
    request = {
        "words": words,
        "env": {os.fsdecode(name): os.fsdecode(value) for name, value in env.items()},
        "cwd": os.fsdecode(asked["cwd"] or Path.cwd()),
        "places": places,
        "new_session": bool(asked["start_new_session"]),
        "group": 0 if asked["process_group"] == 0 else os.getpgid(0),
        "deaf": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "starts_others": bool(STARTING_OTHERS & set(words[:3])),
    }
    process.pid = warm.fork(request, [*given, *asked["pass_fds"]])
    process._child_created = True
    pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
    process._close_pipe_fds(*(asked[name] for name in pipes))


def serve_in_this_process(serve: Any) -> None:
    """From now on what this process starts by `subprocess` are forks, too: of a nursery of its own, its child."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        here.close()
        serve(there)
    there.close()
    own, real = Nursery(here), subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def execute_child(self: Any, *args: Any) -> None:
        asked = dict(zip(real.__code__.co_varnames[1 : len(args) + 1], args, strict=True))
        if kind_of(asked) is None:
            real(self, *args)
        else:
            fork_instead(self, own, asked)

    subprocess.Popen._execute_child = execute_child  # type: ignore[attr-defined]
