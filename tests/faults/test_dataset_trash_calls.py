"""F02: Deleting a dataset to the trash, restoring and renaming it is broken at every call: it is in one place, whole.

Its row agrees after a recovery, and doing it again completes it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from robotdata.dataset import verify_dataset
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, KILL
from tests.support.warm import Server

pytestmark = pytest.mark.faults
WAYS = [KILL, BAD_DISK]


@pytest.fixture(scope="module")
def dataset_home(tmp_path_factory: pytest.TempPathFactory, warm_server: Server) -> Path:
    return warm_server.made("tests.faults.make_a_dataset_home", tmp_path_factory.mktemp("dataset"))


def check(home: Path, n: int) -> None:
    """One dataset, where its row says, with its revision; nothing else of it anywhere."""
    with sqlite3.connect(home / "robotdata.sqlite3") as database:
        rows = database.execute("select slug, trashed_slug from recorder_dataset").fetchall()
    database.close()
    ((slug, trashed_slug),) = rows
    folder = home / "datasets" / ".trash" / slug / trashed_slug if trashed_slug else home / "datasets" / slug
    states = [path.parent.parent for path in home.glob("datasets/**/meta/info.json")]
    assert [state for state in states if ".revisions" not in state.parts] == [folder], n
    assert not verify_dataset(folder, deep=True).problems, n
    assert (folder.parent / ".revisions" / folder.name / "1/meta/info.json").is_file(), n


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_is_in_one_place(tmp_path: Path, dataset_home: Path, warm_server: Server, call: str, how: str) -> None:
    scenario, run_broken = "tests.faults.move_a_dataset", warm_server.broken
    for run, home in each_call(scenario, dataset_home, tmp_path, call=call, how=how, ways=WAYS, run=run_broken):
        if run.went_through:
            continue
        recovered = warm_server.run("tests.faults.recover_a_home", home)
        assert recovered.said.startswith("recovered 0"), (run.n, recovered.said, recovered.errors)
        check(home, run.n)
        again = warm_server.run("tests.faults.move_a_dataset", home)
        assert "moved" in again.said, (run.n, again.errors)
        check(home, run.n)
        assert (home / "datasets" / "pots").is_dir()
