"""A dataset whose episodes are all moved away stays, without episodes: it can be filled again, and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import EditError, verify_dataset
from robotdata.dataset.errors import FeaturesDiffer
from robotdata.dataset.layout import TASKS
from robotdata.dataset.write.edit import delete_episodes, revert
from robotdata.dataset.write.transfer import Where, move_episodes
from tests.dataset.conftest import FEATURES, LENGTHS, Bench, expected

SIX = [expected(n, LENGTHS[n]) for n in range(6)]


@pytest.fixture
def moved(six: Bench) -> Bench:
    """The dataset that got all episodes of `six`."""
    other = Bench(six.home / "other")
    (six.root / "README.md").write_text("mine")
    move_episodes(six.root, range(6), other.root, Where(**six.places), Where(**other.places))
    return other


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def test_all_episodes_move_and_leave_what_lerobot_creates(six: Bench, moved: Bench) -> None:
    assert moved.shown() == SIX
    assert files(six.root) == {"README.md", "meta", "meta/info.json", "meta/robotdata.json"}
    empty = six.open()
    assert (empty.episodes, empty.tasks, empty.stats(), empty.problems) == ([], [], {}, [])
    assert (empty.info["total_episodes"], empty.info["total_frames"], empty.info["splits"]) == (0, 0, {})
    assert (empty.fps, empty.robot_type, set(FEATURES) - set(empty.features)) == (30, "arm", set())
    assert verify_dataset(moved.root, deep=True).notes == []
    report = verify_dataset(six.root, deep=True)
    assert report.problems == [] and len(report.notes) == 1 and "no episodes" in report.notes[0]


def test_the_old_state_comes_back(six: Bench, moved: Bench) -> None:
    revision = six.open().revision
    assert revert(six.root, revision - 1, **six.places).episodes == 6
    assert six.shown() == SIX and verify_dataset(six.root, deep=True).problems == []


def test_it_is_recorded_into_again_with_its_features(six: Bench, moved: Bench, new: Any) -> None:
    other_arm = {**FEATURES, "action": {**FEATURES["action"], "names": [f"other_{n}" for n in range(6)]}}
    with pytest.raises(FeaturesDiffer):
        six.commit([new(9, 5)], features=other_arm)
    six.commit([new(9, 5, "a new task")])
    assert six.shown() == [expected(9, 5)] and six.open().tasks == ["a new task"]
    assert (six.root / TASKS).is_file() and verify_dataset(six.root, deep=True).problems == []


def test_its_episodes_move_back(six: Bench, moved: Bench) -> None:
    move_episodes(moved.root, range(6), six.root, Where(**moved.places), Where(**six.places))
    assert six.shown() == SIX and moved.open().episodes == []
    assert verify_dataset(six.root, deep=True).problems == []


def test_a_deletion_of_all_is_still_refused(six: Bench) -> None:
    with pytest.raises(EditError, match="no episode would be left"):
        delete_episodes(six.root, range(6), **six.places)
    assert six.shown() == SIX
