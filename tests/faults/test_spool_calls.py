"""F01, F02: Saving and recovering a take are broken at every write, fsync and rename."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from robotdata.spool import BadManifest, NoTake, read_manifest, recover_take
from tests.faults.save_a_take import TAKE, TICKS
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace, run_broken
from tests.support.seen import frames_that_say_their_number
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
SAVE, RECOVER = "tests.faults.save_a_take", "tests.faults.recover_a_take"
WAYS = [KILL, FULL_DISK, BAD_DISK]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_keeps_an_acknowledged_take_and_offers_the_rest_of_another(
    tmp_path: Path, empty: Path, call: str, how: str
) -> None:
    for run, home in each_call(SAVE, empty, tmp_path, call=call, how=how, ways=WAYS):
        folder = home / "spool" / TAKE
        try:
            state = read_manifest(folder)["state"]
        except (NoTake, BadManifest):
            assert "saved" not in run.said  # it never was a take
            continue
        if "saved" in run.said:
            assert state == "recorded"
            assert frames_that_say_their_number(folder) == TICKS
        else:
            recover_take(folder)
            assert frames_that_say_their_number(folder) <= TICKS
        if how != KILL and run.code:
            assert "Error" in run.errors or "Full" in run.errors


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool with one take whose recorder was killed before its end, its last row half there."""
    need_strace()
    home = tmp_path_factory.mktemp("killed")
    for n in range(60, 5, -1):  # the latest write at which it is still a recording
        run_broken(SAVE, home, call="write", how=KILL, n=n)
        folder = home / "spool" / TAKE
        if folder.exists() and read_manifest(folder)["state"] == "recording":
            rows = folder / "rows.arrow"
            os.truncate(rows, rows.stat().st_size - 7)
            return home
        shutil.rmtree(home / "spool", ignore_errors=True)
    raise AssertionError("no kill left a recording behind")


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_recovers_the_same_after_a_recovery_that_was_killed(tmp_path: Path, killed: Path, call: str) -> None:
    def contents(home: Path) -> dict[str, bytes]:
        files = [path for path in (home / "spool" / TAKE).iterdir() if path.name not in {".lock", "take.json"}]
        return {path.name: path.read_bytes() for path in files}

    whole = tmp_path / "whole"
    shutil.copytree(killed, whole)
    kept = recover_take(whole / "spool" / TAKE).kept_ticks
    for run, home in each_call(RECOVER, killed, tmp_path, call=call, how=KILL):
        if run.went_through:
            continue
        assert recover_take(home / "spool" / TAKE).kept_ticks == kept
        assert contents(home) == contents(whole)
        assert frames_that_say_their_number(home / "spool" / TAKE) == kept


def test_it_says_that_a_full_disk_ended_a_take(tmp_path: Path, empty: Path) -> None:
    said = [run.errors for run, _ in each_call(SAVE, empty, tmp_path, call="write", how=FULL_DISK)]
    assert any("SpoolFull" in errors for errors in said)


def test_it_makes_takes_that_are_whole(tmp_path: Path) -> None:
    assert frames_that_say_their_number(make_take(tmp_path, TICKS)) == TICKS
