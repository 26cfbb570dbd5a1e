"""Breaks calls of processes that begin warm: a server that has imported everything forks one for each trial.

Here `strace` is attached to a fork that waits for it, so that every single call of a stage can be broken within
seconds. The fork has a home of its own.

    python -m tests.support.warm    reads "scenario<TAB>home<TAB>traced" lines, answers "code<TAB>said" lines
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.nth_call import ATTACH_WITHIN_S, CALLS, LET_OTHERS_ATTACH, ROOT, Broken, is_traced, strace_words


class Server:
    """Runs scenarios, each in a fork; at most one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def run(self, scenario: str, home: Path) -> Broken:
        """One whole run."""
        self._send(scenario, home, traced=False)
        return self._ended(0)

    def made(self, scenario: str, home: Path) -> Path:
        """The home that a scenario has filled; fails where it could not."""
        made = self.run(scenario, home)
        assert made.code == 0, made.errors
        return home

    def broken(self, scenario: str, home: Path, *, call: str, how: str, n: int) -> Broken:
        """One run, its n-th `call` broken."""
        self._send(scenario, home, traced=True)
        pid = self._read()["pid"]
        trace = home.with_suffix(".trace")
        strace, inject = strace_words(trace, call=call, how=how, n=n)
        command = [*strace, "-e", f"trace={CALLS[call]}", *inject, "-p", str(pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        ended = self._ended(n)
        traced = trace.read_text()
        trace.unlink()
        return Broken(n, ended.code, ended.said, ended.errors + done.stderr + traced)

    def _send(self, scenario: str, home: Path, *, traced: bool) -> None:
        out = _pipe(self.process.stdin)
        out.write(json.dumps({"scenario": scenario, "home": str(home), "traced": traced}) + "\n")
        out.flush()

    def _read(self) -> dict[str, int]:
        return dict(json.loads(_pipe(self.process.stdout).readline()))

    def _ended(self, n: int) -> Broken:
        answer: dict[str, object] = json.loads(_pipe(self.process.stdout).readline())
        return Broken(n, int(str(answer["code"])), str(answer["said"]), str(answer["errors"]))


def _pipe(end: IO[str] | None) -> IO[str]:
    if end is None:
        raise ValueError("the server has no such pipe")
    return end


@contextmanager
def server(scratch: Path) -> Iterator[Server]:
    """A warm server, whose own home is in `scratch`."""
    environment = {**os.environ, "ROBOTDATA_HOME": str(scratch), "PYTHONPATH": str(ROOT), "ROBOTDATA_LOG": "ERROR"}
    environment["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a fork's calls are counted: only those of the product
    command = [sys.executable, "-m", "tests.support.warm"]
    log = (scratch / "server.log").open("w")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=ROOT
    ) as process:
        try:
            yield Server(process)
        finally:
            _pipe(process.stdin).close()
            process.wait(30)
            log.close()


@dataclass(frozen=True)
class Trial:
    """What a fork shall do."""

    scenario: str
    home: Path
    traced: bool


def serve() -> None:
    import django

    django.setup()
    for name in (
        "robotdata.video.encode",
        "robotdata.video.remux",
        "robotdata.video.verify",
        "recorder.worker.recover",
    ):
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        trial = Trial(str(asked["scenario"]), Path(asked["home"]), bool(asked["traced"]))
        importlib.import_module(trial.scenario)
        said, errors = trial.home / ".said", trial.home / ".errors"
        pid = os.fork()
        if pid == 0:
            _child(trial, said, errors)
        if trial.traced:
            _answer({"pid": pid})
        _, status = os.waitpid(pid, 0)
        _answer({"code": os.waitstatus_to_exitcode(status), "said": said.read_text(), "errors": errors.read_text()})


def _answer(words: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _child(trial: Trial, said: Path, errors: Path) -> None:
    code = 1
    try:
        use_home(trial.home)
        for number, path in ((1, said), (2, errors)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        exec(LET_OTHERS_ATTACH)
        end = time.monotonic() + ATTACH_WITHIN_S
        while trial.traced and time.monotonic() < end and not is_traced("self"):
            time.sleep(0.001)
        if trial.traced:
            time.sleep(0.005)  # it is traced before it is stopped for the first time
        importlib.import_module(trial.scenario).main(trial.home)
        sys.stdout.flush()
        code = 0
    except BaseException:  # noqa: BLE001 - the process's outermost loop
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def use_home(home: Path) -> None:
    """From now on this process works in `home`."""
    from django.conf import settings
    from django.db import connections

    for name in ("spool", "datasets", "staging"):
        setattr(settings, f"{name.upper()}_DIR", home / name)
    connections["default"].settings_dict["NAME"] = str(home / "robotdata.sqlite3")


if __name__ == "__main__":
    serve()
