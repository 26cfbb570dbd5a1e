"""A PostgreSQL and a Redis of our own: free ports, nothing kept."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.ports import free_port


def need(program: str, *more: str) -> str:
    """Its path; skips, saying so, where the machine has none. Debian keeps PostgreSQL's out of the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)
    found = next((path for name in (program, *more) if (path := shutil.which(name))), None)
    if not debian and found is None:
        pytest.skip(f"no {program} on this machine: the scaled-out mode is not tested")
    return str(debian[0] if debian else found)


class Postgres:
    """A cluster in a new folder. It refuses to run as root: then it is another user's."""

    def __init__(self) -> None:
        self.programs = {name: need(name) for name in ("initdb", "postgres")}
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="robotdata-pg-"))
        self.who: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(next(name for name in ("postgres", "nobody") if _exists(name)))
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Postgres:
        data = str(self.folder / "data")
        if not Path(data).exists():
            args = [self.programs["initdb"], "-D", data, "-U", "robotdata", "-A", "trust", "-E", "UTF8", "--no-sync"]
            made = subprocess.run(
                [*args, *self._language()], cwd=self.folder, capture_output=True, text=True, **self.who
            )
            assert made.returncode == 0, made.stderr
        args = [self.programs["postgres"], "-D", data, "-k", str(self.folder), "-h", "127.0.0.1"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*args, "-p", str(self.port), "-F"], cwd=self.folder, stdout=log, stderr=log, **self.who
            )
        self.until(self._answers)
        return self

    def _language(self) -> list[str]:
        """Words in the order of English, as where people install it: "a" before "B", "ä" after "a", signs left out."""
        known = subprocess.run([self.programs["initdb"], "--help"], capture_output=True, text=True, check=True).stdout
        english = ["--locale-provider=icu", "--icu-locale=en"] if "--icu-locale" in known else []
        return ["--locale=C", *english]

    def url(self, database: str) -> str:
        """Of a new, empty database."""
        with self.connect("postgres") as connection:
            connection.execute(f'create database "{database}"')
        return f"postgres://robotdata@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        place = {"host": "127.0.0.1", "port": self.port, "user": "robotdata", "dbname": database}
        return psycopg.connect(**place, autocommit=True, connect_timeout=5)

    def until(self, good: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not good():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # at once: waits for nobody who is connected
            self.process.wait(60)
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


class Redis:
    """Keeps nothing: what it held is lost with it."""

    def __init__(self, folder: Path) -> None:
        self.program = need("redis-server", "valkey-server")
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Redis:
        args = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(args, cwd=self.folder, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("redis-server does not answer")

    def url(self, number: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{number}"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
