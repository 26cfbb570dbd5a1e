"""F02: `manage.py recover` is killed at every call and run again: the home ends the same."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import verify_dataset
from tests.faults.make_a_wreck import CUT, ENCODING
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL
from tests.support.warm import Server

pytestmark = pytest.mark.faults
WAYS = [KILL, FULL_DISK, BAD_DISK]
RECOVER = "tests.faults.recover_a_home"
UNTIMED = {".lock", "take.json", "robotdata.json"}


@pytest.fixture(scope="module")
def wreck(tmp_path_factory: pytest.TempPathFactory, warm_server: Server) -> Path:
    return warm_server.made("tests.faults.make_a_wreck", tmp_path_factory.mktemp("wreck"))


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, wreck: Path, warm_server: Server) -> Path:
    """The wreck after one recovery that nobody broke."""
    home = tmp_path_factory.mktemp("mended")
    shutil.copytree(wreck, home, dirs_exist_ok=True)
    run = warm_server.run(RECOVER, home)
    assert run.code == 0 and run.said.startswith("recovered 3"), run.said + run.errors  # a row of one take is lost
    return home


def rows(home: Path) -> list[Any]:
    with sqlite3.connect(home / "robotdata.sqlite3") as database:
        query = "select id, state, verdict, ticks, episode_index, purged_at, error from recorder_episode order by id"
        found = (
            database.execute(query).fetchall() + database.execute("select state, attempt from recorder_job").fetchall()
        )
    database.close()
    return found


def contents(home: Path) -> dict[str, bytes]:
    found = {}
    for top in ("spool", "datasets", "staging"):
        for path in (home / top).rglob("*"):
            if path.is_file() and path.name not in UNTIMED and not path.name.endswith(".lock"):
                found[str(path.relative_to(home))] = path.read_bytes()
    return found


def test_it_mends_everything_at_once(mended: Path, warm_server: Server) -> None:
    states = {row[0]: row[1] for row in rows(mended)[:-1]}
    assert sorted(states.values()) == ["encoded", "encoding", "interrupted", "recorded", "recorded"]
    assert states[CUT.replace("-", "")] == "interrupted" and states[ENCODING.replace("-", "")] == "encoding"
    assert rows(mended)[-1] == ("queued", 1)
    assert not list((mended / "datasets/.work").iterdir()) and not list((mended / "spool").glob(".removing-*"))
    before = rows(mended), contents(mended)
    assert warm_server.run(RECOVER, mended).said.startswith("recovered 0")
    assert (rows(mended), contents(mended)) == before, "twice is once"


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "unlink"])
def test_it_ends_the_same_when_it_was_broken_before(
    tmp_path: Path, wreck: Path, mended: Path, warm_server: Server, call: str, how: str
) -> None:
    for run, home in each_call(RECOVER, wreck, tmp_path, call=call, how=how, ways=WAYS, run=warm_server.broken):
        if run.went_through:
            continue
        again = warm_server.run(RECOVER, home)
        assert again.code == 0, (run.n, again.errors)
        assert rows(home) == rows(mended), run.n
        assert contents(home) == contents(mended), run.n
        assert not verify_dataset(home / "datasets/cubes").problems
