"""Homes before and after a commit: which raw takes and which episodes they hold."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.support.seen import frames_that_say_their_number
from tests.support.warm import Server

SCENARIO, RECOVER = "tests.faults.commit_and_clear", "tests.faults.recover_a_home"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, warm_server: Server) -> Path:
    return warm_server.made("tests.faults.make_a_commit", tmp_path_factory.mktemp("before"))


def raw(home: Path) -> dict[str, int]:
    """Whole raw takes, and how many frames of each say their number."""
    folders = (path for path in (home / "spool").iterdir() if not path.name.startswith("."))
    return {path.name: frames_that_say_their_number(path) for path in folders}


def committed(home: Path) -> dict[str, int]:
    """Episodes of the dataset that nobody finds a fault in."""
    if not (home / "datasets/cubes/meta/info.json").exists():
        return {}
    assert verify_dataset(home / "datasets/cubes", deep=True).problems == []
    return {str(info.uuid): info.length for info in DatasetFolder.open(home / "datasets/cubes").episodes}


def lease_runs_out(home: Path) -> None:
    with contextlib.closing(sqlite3.connect(home / "robotdata.sqlite3")) as rows, rows:
        rows.execute("update recorder_operation set lease_until = '2020-01-01 00:00:00' where state = 'running'")
