"""F47: Yesterday's database, today's folders: `recover` lists the differences, restores today and deletes nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_f46_database import Home
from tests.faults.two_days import COMMITTED, FRESH, GONE, JUDGED, NEW, TAKEN_BACK

pytestmark = pytest.mark.faults
EPISODES = "id state verdict labels rating note task trim_first trim_end episode_index ticks reviewer dataset_id"
DATASETS = "slug title policy every goal total_episodes total_frames revision problem"


def lived_in(path: Path) -> Home:
    """A home in which two days have passed; `yesterday.sqlite3` beside it is its database after the first."""
    home = Home(path)
    code, said = home.python("-m", "tests.faults.two_days")
    assert code == 0, said
    return home


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return lived_in(tmp_path_factory.mktemp("days") / "home")


def rows(database: Path, table: str, names: str) -> dict[str, dict[str, Any]]:
    with closing(sqlite3.connect(database)) as opened:
        opened.row_factory = sqlite3.Row
        found = [dict(row) for row in opened.execute(f"select {', '.join(names.split())} from recorder_{table}")]
    return {str(row[names.split()[0]]): row for row in found}


def episodes(database: Path) -> dict[str, dict[str, Any]]:
    """With the dataset's name instead of its number, which is another in another database."""
    slugs = {row["id"]: slug for slug, row in rows(database, "dataset", "slug id").items()}
    return {
        pk: {**row, "dataset_id": slugs[row["dataset_id"]]} for pk, row in rows(database, "episode", EPISODES).items()
    }


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
