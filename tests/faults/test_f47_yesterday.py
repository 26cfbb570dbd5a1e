"""F47: Yesterday's database, today's folders: `recover` lists the differences, restores today and deletes nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.two_days import COMMITTED, FRESH, GONE, JUDGED, NEW, TAKEN_BACK
from tests.support.commands_home import Home
from tests.support.two_days_home import DATASETS, episodes, lived_in, rows

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return lived_in(tmp_path_factory.mktemp("days") / "home")


def files(home: Path) -> Iterator[tuple[str, str]]:
    for name in ("spool", "datasets"):
        for path in sorted((home / name).rglob("*")):
            if path.is_file() and path.suffix != ".lock":  # who held it last is written into it
                yield path.relative_to(home).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def restored(today: Home) -> tuple[Home, dict[str, Any], dict[str, Any], str]:
    """The home with yesterday's database, recovered; its rows of before, and what `recover` said."""
    was = {"episodes": episodes(today.database), "datasets": rows(today.database, "dataset", DATASETS)}
    was["files"] = dict(files(today.path))
    for path in today.database.parent.glob("robotdata.sqlite3*"):
        path.unlink()
    shutil.copy(today.path.with_name("yesterday.sqlite3"), today.database)
    assert episodes(today.database) != was["episodes"]
    code, said = today.manage("recover")
    assert code == 3, (code, said)  # one take was emptied from the trash: yesterday's database cannot know
    now = {"episodes": episodes(today.database), "datasets": rows(today.database, "dataset", DATASETS)}
    now["files"] = dict(files(today.path))
    return today, was, now, said


def test_nothing_is_deleted(restored: Any) -> None:
    _, was, now, said = restored
    assert now["files"] == was["files"], said


def test_everything_of_today_is_back(restored: Any) -> None:
    _, was, now, said = restored
    gone = GONE.replace("-", "")
    then, here = was["episodes"].pop(gone), now["episodes"].pop(gone)
    assert (then["state"], here["state"]) == ("recorded", "recorded")
    for pk, row in was["episodes"].items():
        assert now["episodes"][pk] == row, (pk, said)
    assert now["episodes"].keys() == was["episodes"].keys()
    assert now["datasets"] == was["datasets"], said


def test_it_says_what_differed(restored: Any) -> None:
    _, _, _, said = restored
    for pk in (JUDGED, TAKEN_BACK, NEW, GONE):
        assert any(pk in line for line in said.splitlines()), (pk, said)
    (lost,) = [line for line in said.splitlines() if line.startswith("LOST")]
    assert "Its folder is missing from the spool" in lost and GONE in lost
    assert "or reject the episode" in lost
    settings, counted = [line for line in said.splitlines() if line.startswith("Dataset cubes")]
    assert "every, goal, policy, title" in settings
    assert "2 of 2 episodes" in counted
    assert any(line.startswith("Dataset cups") for line in said.splitlines())
    assert "Nothing was deleted" in said


def test_recovered_once_more_nothing_differs_any_more(restored: Any) -> None:
    home, _, _, first = restored
    _, said = home.manage("recover")
    lines = [line for line in said.splitlines() if line not in first]
    assert len(said.splitlines()) == 2, (said, lines)  # what is lost, and the counts
    entry = json.loads((home.path / "datasets/cubes/meta/robotdata.json").read_text())["episodes"]
    assert {each["uuid"] for each in entry} == {COMMITTED, FRESH}
    for slug in ("cubes", "cups"):
        code, said = home.manage("verify", slug, "--deep")
        assert code == 0, said
