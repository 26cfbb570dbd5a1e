"""F02, F18: A push to object storage is killed at many requests, and begun again: nobody ever sees half a dataset."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robotdata.dataset import delete_episodes
from tests.dataset.conftest import Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support import programs
from tests.support.fake_s3 import FakeS3
from tests.support.fake_server import Trouble
from tests.support.hub_steps import sent_files
from tests.support.storage_steps import enlarge, no_keys, there

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[2]


class Pusher:
    """Runs pushes. Each is killed at a later request that changes something: before it has an effect, or after."""

    def __init__(self, server: FakeS3, root: Path) -> None:
        self.server = server
        self.command = [sys.executable, "-m", "tests.faults.push_to_storage", str(root), server.url]
        self.halves: list[dict[str, bytes]] = []

    def run(self, old: dict[str, bytes], new: dict[str, bytes], *, kills: int) -> int:
        """Push until it comes through, then at most once more. Return how many were killed."""
        killed = 0
        while killed < kills:
            child = self._begin(killed, old, new)
            _, complaint = child.communicate(timeout=120)
            if child.returncode == 0:
                return killed
            assert child.returncode == -signal.SIGKILL, complaint
            killed += 1
        self.server.trouble = lambda method, path, count: None
        programs.run(self.command, cwd=ROOT, env=self._env(), capture_output=True, text=True, check=True, timeout=120)
        return killed

    def _begin(self, number: int, old: dict[str, bytes], new: dict[str, bytes]) -> subprocess.Popen[str]:
        changing = 0
        children: list[subprocess.Popen[str]] = []

        def trouble(method: str, path: str, count: int) -> Trouble | None:
            nonlocal changing
            state = there(self.server)
            if "meta/info.json" in state and not (state.items() >= old.items() or state.items() >= new.items()):
                self.halves.append(state)
            changing += method in {"POST", "PUT", "DELETE"}
            if method in {"GET", "HEAD"} or changing != number // 2 + 1:
                return None
            os.kill(children[0].pid, signal.SIGKILL)
            return Trouble(when="after" if number % 2 else "before")

        self.server.trouble = trouble
        with self.server.lock:  # no request is answered before the child is known
            children.append(
                programs.Popen(
                    self.command, cwd=ROOT, env=self._env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
            )
        return children[0]

    def _env(self) -> dict[str, str]:
        return {**os.environ, **no_keys()}


def test_a_push_that_is_killed_many_times_is_whole(six: Bench) -> None:  # noqa: F811
    with FakeS3().running() as server:
        enlarge(six.root)
        pusher = Pusher(server, six.root)
        files = sent_files(six.root)
        assert pusher.run({"meta/info.json": b""}, files, kills=10) > 5
        assert there(server) == files
        delete_episodes(six.root, [0], **six.places)
        after = sent_files(six.root)
        assert pusher.run(files, after, kills=10) > 5
        assert there(server) == after and pusher.halves == []
