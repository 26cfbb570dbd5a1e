"""A camera that is a process of its own, asked over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys

from tests.rig.conftest import until
from tests.support.nth_call import ROOT


class Source:
    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.an_http_camera", str(self.port), "288", "64", "20"]
        self.process = subprocess.Popen(command, cwd=ROOT)
        until(self.answers)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
