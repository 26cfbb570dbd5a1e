"""A home in which two days have passed, and its rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.commands_home import Home

EPISODES = "id state verdict labels rating note task trim_first trim_end episode_index ticks reviewer dataset_id"


DATASETS = "slug title policy every goal total_episodes total_frames revision problem"


def lived_in(path: Path) -> Home:
    """A home in which two days have passed; `yesterday.sqlite3` beside it is its database after the first."""
    home = Home(path)
    code, said = home.python("-m", "tests.faults.two_days")
    assert code == 0, said
    return home


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
