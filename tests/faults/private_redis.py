"""A broker of one test alone, which it may take away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port


class Redis:
    """Keeps nothing: what it held is lost with it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return urllib.parse.urlunsplit(("redis", f"127.0.0.1:{self.port}", "/0", "", ""))

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        self.process = subprocess.Popen([*command, str(self.folder)], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("redis-server did not answer within 60 s")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """Not started yet; skips, saying why, where there is none."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not on this machine: a broker cannot be taken away")
    pytest.importorskip("redis", reason="requirements-scale.txt is not installed")
    broker = Redis(tmp_path)
    yield broker
    broker.kill()
