"""A camera that is a process of its own, asked over HTTP."""

from __future__ import annotations

import socket
import sys

from tests.rig.conftest import until
from tests.support import programs
from tests.support.nth_call import ROOT
from tests.support.ports import free_port


class Source:
    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.an_http_camera", str(self.port), "288", "64", "20"]
        self.process = programs.Popen(command, cwd=ROOT)
        until(self.answers)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
