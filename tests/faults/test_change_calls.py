"""F02, F30: a change of features is broken at every write, fsync and rename: the dataset is the old or the new one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.change_some_features import WEIGHT, main
from tests.support.commit_a_batch import commit, encoded_takes
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace

pytestmark = pytest.mark.faults
HOW = [(KILL, "write"), (KILL, "rename"), (FULL_DISK, "write"), (BAD_DISK, "fsync"), (BAD_DISK, "rename")]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, from two commits."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = encoded_takes(home, (6, 7))
    commit(home, takes[:1])
    commit(home, takes[1:])
    return home


def names(home: Path) -> list[str]:
    return list(DatasetFolder.open(home / "dataset").features)


@pytest.mark.parametrize(("how", "call"), HOW)
def test_it_is_the_old_dataset_or_the_new_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    shutil.copytree(before, tmp_path / "whole")
    main(tmp_path / "whole")
    ways = [each for each, of in HOW if of == call]
    old, new = names(before), names(tmp_path / "whole")
    assert WEIGHT.name in new and len(new) == len(old)
    for run, home in each_call("tests.faults.change_some_features", before, tmp_path, call=call, how=how, ways=ways):
        assert names(home) in (old, new), run.n
        assert not verify_dataset(home / "dataset", deep=True).problems, run.n
        if "changed" in run.said:
            assert names(home) == new
        if run.went_through:
            continue
        main(home)  # the retry
        assert names(home) == new and not verify_dataset(home / "dataset").problems
        assert list((home / "work").glob("*")) == []
