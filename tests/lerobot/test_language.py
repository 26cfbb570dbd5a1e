"""LeRobot 0.6.1 finds the subtask of each frame as it was set, after an edit, a trim and a cut (`make interop`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import DatasetFolder
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.edit import trim_episodes
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.spool.language import Language, Remark, Subtask
from tests.dataset.conftest import Bench, make_episode
from tests.support import lerobot_forks

ROOT = Path(__file__).resolve().parents[2]
SAID = Language((Subtask(1, 7, "reach"), Subtask(7, 13, "lift")), (Remark(9, "slower"),))


@pytest.fixture(scope="module")
def python() -> Path:
    found = Path(os.environ.get("ROBOTDATA_NEWEST_VENV") or ROOT / ".venv-lerobot-datasets") / "bin/python"
    if not found.is_file():
        pytest.skip(f"no LeRobot 0.6.1 at {found}: `make interop` makes it")
    return found


def read(python: Path, root: Path) -> Any:
    script = Path(__file__).with_name("read_language.py")
    done = lerobot_forks.run([python, script, str(root)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_its_resolver_finds_the_subtask_of_each_frame(python: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.commit([make_episode(tmp_path, n, 16, "push") for n in range(2)])
    change_features(bench.root, FeatureChange(language={"1": SAID.as_json()}), **bench.places)
    trim_episodes(bench.root, {1: (2, 15)}, **bench.places)
    expected = []
    for episode, (length, said) in enumerate(((16, Language()), (13, SAID.within(2, 15)))):
        assert DatasetFolder.open(bench.root).language(episode).language == said
        for frame in range(length):
            subtask = next((s.text for s in said.subtasks if s.first <= frame < s.end), "")
            events = [each.text for each in said.remarks if each.frame == frame]
            expected.append({"episode": episode, "frame": frame, "subtask": subtask, "events": events})
    assert read(python, bench.root) == expected
