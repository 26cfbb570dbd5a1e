"""F02, F30: a move between datasets is broken at every write, fsync and rename: each dataset is old or new."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.move_an_episode import main
from tests.support.commit_a_batch import commit, encoded_takes
from tests.support.each_call import each_call, told
from tests.support.nth_call import BAD_DISK, KILL, need_strace

pytestmark = pytest.mark.faults
WAYS = [KILL, BAD_DISK]
OLD = [6, 7]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, from two commits."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = encoded_takes(home, OLD)
    commit(home, takes[:1])
    commit(home, takes[1:])
    return home


def lengths(root: Path) -> list[int]:
    return [episode.length for episode in DatasetFolder.open(root).episodes] if root.exists() else []


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_the_episode_is_in_one_of_them_at_least(tmp_path: Path, before: Path, call: str, how: str) -> None:
    for run, home in each_call("tests.faults.move_an_episode", before, tmp_path, call=call, how=how, ways=WAYS):
        now = lengths(home / "dataset"), lengths(home / "other")
        assert now in ((OLD, []), (OLD, [6]), ([7], [6])), (run.n, now)
        for root in (home / "dataset", home / "other"):
            assert not root.exists() or not verify_dataset(root, deep=True).problems, run.n
        if "moved" in run.said:
            assert now == ([7], [6])
        if run.went_through:
            continue
        main(home)  # the retry
        assert (lengths(home / "dataset"), lengths(home / "other")) == ([7], [6])
        uuids = [DatasetFolder.open(home / name).episodes[0].uuid for name in ("dataset", "other")]
        assert uuids == [DatasetFolder.open(before / "dataset").episodes[n].uuid for n in (1, 0)]
        assert list((home / "work").glob("*")) == []


@pytest.mark.parametrize(("call", "how"), [("rename", KILL), ("unlink", KILL), ("fsync", BAD_DISK)])
def test_a_move_of_all_leaves_the_old_dataset_or_an_empty_one(
    tmp_path: Path, before: Path, call: str, how: str
) -> None:
    begin = told(before, "all")
    for run, home in each_call("tests.faults.move_an_episode", begin, tmp_path, call=call, how=how):
        now = lengths(home / "dataset"), lengths(home / "other")
        assert now in ((OLD, []), (OLD, OLD), ([], OLD)), (run.n, now)
        for root in (home / "dataset", home / "other"):
            assert not root.exists() or not verify_dataset(root, deep=True).problems, run.n
        if "moved" in run.said:
            assert now == ([], OLD)
        if run.went_through:
            continue
        main(home)  # the retry
        assert (lengths(home / "dataset"), lengths(home / "other")) == ([], OLD)
        assert list((home / "work").glob("*")) == []
