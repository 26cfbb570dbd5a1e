"""F31: A dataset lost meta files or counts an episode too many: `recover` and `verify` report it and delete nothing."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.committed_home import SCENARIO, before, committed
from tests.support.nth_call import ROOT
from tests.support.warm import Server

__all__ = ["before"]
pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def home(before: Path, warm_server: Server) -> Path:
    assert warm_server.run(SCENARIO, before).said.startswith("committed")
    return before


def manage(home: Path, *args: str) -> tuple[int, str]:
    """The exit code and the words of a command in the home."""
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "DATABASE_URL": f"sqlite:///{home / 'robotdata.sqlite3'}"}
    command = [sys.executable, "manage.py", *args]
    done = programs.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_lost_episodes_are_named_and_come_back_with_their_folder(home: Path) -> None:
    folder, aside = home / "datasets/cubes", home / "aside"
    wanted = committed(home)
    (folder / "meta/episodes").rename(aside)
    left = contents(folder)
    code, said = manage(home, "recover")
    assert code == 1 and "LOST Dataset cubes" in said and "has no meta/episodes/" in said, said
    code, said = manage(home, "verify", "cubes")
    assert code == 3 and "has no meta/episodes/" in said, said
    assert contents(folder) == left, "nothing is made up, and nothing deleted"
    aside.rename(folder / "meta/episodes")
    assert manage(home, "recover")[0] == 0 and committed(home) == wanted


def test_a_count_too_high_is_said_and_not_believed(home: Path) -> None:
    info = home / "datasets/cubes/meta/info.json"
    whole = info.read_bytes()
    said = json.loads(whole)
    info.write_text(json.dumps(said | {"total_episodes": 3, "total_frames": said["total_frames"] + 5}))
    left = contents(home / "datasets/cubes")
    code, words = manage(home, "recover")
    assert code == 3 and "LOST Dataset cubes: meta/info.json counts 3 episodes, there are 2" in words, words
    assert "`verify cubes`" in words
    code, words = manage(home, "verify", "cubes")
    assert code == 3 and "meta/info.json: total_episodes is 3, counted 2" in words, words
    assert contents(home / "datasets/cubes") == left
    info.write_bytes(whole)
    assert manage(home, "recover")[0] == 0
