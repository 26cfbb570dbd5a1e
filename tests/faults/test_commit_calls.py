"""F02, F30, F31: A commit is broken at every write, fsync and rename: the folder is the old dataset or the new one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace, run_broken
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
STEP = {"rename": 1, "fsync": 7, "write": 11}  # the suite's stride; ROBOTDATA_EVERY_CALL=1 breaks each one


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of one episode, and one more take that is encoded and waits for its commit."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    first = make_take(home / "spool", 6, episode=1, cameras=CAMERAS)
    encode(home, first)
    commit(home, [first])
    encode(home, make_take(home / "spool", 5, episode=2, cameras=CAMERAS))
    return home


def uuids(home: Path) -> list[str]:
    return [str(episode.uuid) for episode in DatasetFolder.open(home / "dataset").episodes]


@pytest.mark.parametrize("how", [KILL, FULL_DISK, BAD_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_is_the_old_dataset_or_the_new_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    old = uuids(before)
    takes = {path.name for path in (before / "spool").iterdir()}
    broken, step = 0, 1 if os.environ.get("ROBOTDATA_EVERY_CALL") else STEP[call]
    for n in range(1, 600, step):
        home = tmp_path / f"{n}"
        shutil.copytree(before, home)
        run = run_broken("tests.support.commit_a_batch", home, call=call, how=how, n=n)
        report = verify_dataset(home / "dataset", deep=True)
        assert not report.problems, (n, report.problems)
        assert uuids(home) == old or set(uuids(home)) == takes
        if "committed" in run.said:
            assert set(uuids(home)) == takes
        if run.code == 0 and "INJECTED" not in run.errors:
            break
        broken += 1
        commit(home, sorted((home / "spool").iterdir()))  # the retry
        assert sorted(uuids(home)) == sorted(takes)
        assert not verify_dataset(home / "dataset").problems
        assert list((home / "work").glob("*")) == []  # nothing half-built is left
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
