"""F02, F30, F31: A commit is broken at every write, fsync and rename: the folder is the old dataset or the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
WAYS = [KILL, FULL_DISK, BAD_DISK]


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


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_is_the_old_dataset_or_the_new_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    old = uuids(before)
    takes = {path.name for path in (before / "spool").iterdir()}
    for run, home in each_call("tests.support.commit_a_batch", before, tmp_path, call=call, how=how, ways=WAYS):
        report = verify_dataset(home / "dataset", deep=True)
        assert not report.problems, (run.n, report.problems)
        assert uuids(home) == old or set(uuids(home)) == takes
        if "committed" in run.said:
            assert set(uuids(home)) == takes
        if run.went_through:
            continue
        commit(home, sorted((home / "spool").iterdir()))  # the retry
        assert sorted(uuids(home)) == sorted(takes)
        assert not verify_dataset(home / "dataset").problems
        assert list((home / "work").glob("*")) == []  # nothing half-built is left
