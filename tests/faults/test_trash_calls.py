"""F02: Emptying the trash is broken at every call: a take is there whole or gone, and its row agrees."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

import pytest

from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL
from tests.support.seen import frames_that_say_their_number
from tests.support.warm import Server

pytestmark = pytest.mark.faults
WAYS = [KILL, FULL_DISK, BAD_DISK]


@pytest.fixture(scope="module")
def trash(tmp_path_factory: pytest.TempPathFactory, warm_server: Server) -> Path:
    return warm_server.made("tests.faults.make_a_trash", tmp_path_factory.mktemp("trash"))


def rows(home: Path) -> dict[str, tuple[str, bool]]:
    """For each episode its verdict, and whether its files are said to be gone."""
    with sqlite3.connect(home / "robotdata.sqlite3") as database:
        found = database.execute("select id, verdict, purged_at is not null from recorder_episode").fetchall()
    database.close()
    return {str(uuid.UUID(pk)): (verdict, bool(gone)) for pk, verdict, gone in found}


def check(home: Path) -> None:
    for pk, (verdict, gone) in rows(home).items():
        folder = home / "spool" / pk
        assert folder.exists() != gone, (pk, verdict)
        if not gone:
            assert frames_that_say_their_number(folder) == 3
        assert verdict == "reject" or not gone
    assert not list((home / "spool").glob(".removing-*"))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "unlink"])
def test_it_has_every_take_whole_or_gone(tmp_path: Path, trash: Path, warm_server: Server, call: str, how: str) -> None:
    scenario, run_broken = "tests.faults.empty_the_trash", warm_server.broken
    for run, home in each_call(scenario, trash, tmp_path, call=call, how=how, ways=WAYS, run=run_broken):
        if run.went_through:
            continue
        if "cannot be deleted" in run.errors:
            there = {pk: (home / "spool" / pk).exists() for pk in rows(home)}
            assert there == {pk: not gone for pk, (_, gone) in rows(home).items()}, "at once, not after a recovery"
        recovered = warm_server.run("tests.faults.recover_a_home", home)
        assert recovered.said.startswith("recovered 0"), (run.n, recovered.said, recovered.errors)
        check(home)
        assert warm_server.run("tests.faults.empty_the_trash", home).code == 0
        check(home)
        assert sorted(gone for _, gone in rows(home).values()) == [False, True, True]
        assert len(list((home / "staging").iterdir())) == 1
