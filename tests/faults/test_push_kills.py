"""F02, F18: A push to the Hub is killed at many requests, and begun again: everything is there, and once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from robotdata.dataset import delete_episodes
from tests.dataset.conftest import Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support import programs
from tests.support.fake_hub import FakeHub
from tests.support.fake_server import Trouble
from tests.support.hub_steps import REPO, sent_files

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[2]
KILLS = 12


class Pusher:
    """Runs pushes. Each is killed at a request that changes something, a later one each time: before it, or after."""

    def __init__(self, server: FakeHub, root: Path, way: str = "") -> None:
        self.server, self.command = (
            server,
            [sys.executable, "-m", "tests.faults.push_a_dataset", str(root), server.url, way],
        )
        self.killed = 0
        self.child: subprocess.Popen[str] | None = None

    def run(self, kills: int = KILLS) -> str:
        """What the first push said that came through."""
        for number in range(kills):
            self.server.trouble = self._at(number)
            self.child = programs.Popen(
                self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            said, complaint = self.child.communicate(timeout=120)
            if self.child.returncode == 0:
                return said
            assert self.child.returncode == -signal.SIGKILL, complaint
            self.killed += 1
        self.server.trouble = lambda method, path, count: None
        return programs.run(self.command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout

    def _at(self, number: int) -> Callable[[str, str, int], Trouble | None]:
        changing = 0

        def trouble(method: str, path: str, count: int) -> Trouble | None:
            nonlocal changing
            changing += method in {"POST", "PUT", "DELETE"}
            if method == "GET" or changing != number // 3 + 1:
                return None
            assert self.child is not None
            os.kill(self.child.pid, signal.SIGKILL)
            return Trouble(when="after" if number % 3 == 2 else "before")

        return trouble


def test_a_push_that_is_killed_many_times_is_there_once(six: Bench) -> None:  # noqa: F811
    with FakeHub().running() as server:
        pusher = Pusher(server, six.root)
        said = pusher.run()
        files = sent_files(six.root)
        there = server.content(REPO)
        assert pusher.killed > 7 and int(said.split()[0]) == len(files)
        assert {name: there[name] for name in files} == files and set(server.stored.values()) == {1}
        assert len(there) == len(files) + 2  # the card, and what the Hub makes of its own
        assert len(server.repos[REPO].commits) == 2 and "tags/v3.0" in server.repos[REPO].refs


def test_a_pull_request_that_is_killed_is_made_once(six: Bench) -> None:  # noqa: F811
    with FakeHub().running() as server:
        Pusher(server, six.root).run(kills=0)
        delete_episodes(six.root, [0], **six.places)
        pusher = Pusher(server, six.root, "pull request")
        pusher.run()
        files = sent_files(six.root)
        there = server.content(REPO, "refs/pr/1")
        assert server.repos[REPO].requests == [1] and pusher.killed > 3
        assert {name: there[name] for name in files} == files
