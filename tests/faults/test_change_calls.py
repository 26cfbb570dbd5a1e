"""F02, F30: a change of features is broken at every write, fsync and rename: the dataset is the old or the new one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.change_some_features import WEIGHT, main
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace, run_broken
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
STEP = {"rename": 2, "fsync": 6, "write": 11}  # the suite's stride; ROBOTDATA_EVERY_CALL=1 breaks each one
HOW = [(KILL, "write"), (KILL, "rename"), (FULL_DISK, "write"), (BAD_DISK, "fsync"), (BAD_DISK, "rename")]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, from two commits."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = [make_take(home / "spool", ticks, episode=ticks, cameras=CAMERAS) for ticks in (6, 7)]
    for take in takes:
        encode(home, take)
    commit(home, takes[:1])
    commit(home, takes[1:])
    return home


def names(home: Path) -> list[str]:
    return list(DatasetFolder.open(home / "dataset").features)


@pytest.mark.parametrize(("how", "call"), HOW)
def test_it_is_the_old_dataset_or_the_new_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    shutil.copytree(before, tmp_path / "whole")
    main(tmp_path / "whole")
    old, new = names(before), names(tmp_path / "whole")
    assert WEIGHT.name in new and len(new) == len(old)
    broken, step = 0, 1 if os.environ.get("ROBOTDATA_EVERY_CALL") else STEP[call]
    for n in range(1, 900, step):
        home = tmp_path / f"{n}"
        shutil.copytree(before, home)
        run = run_broken("tests.faults.change_some_features", home, call=call, how=how, n=n)
        assert names(home) in (old, new), n
        assert not verify_dataset(home / "dataset", deep=True).problems, n
        if "changed" in run.said:
            assert names(home) == new
        if run.code == 0 and "INJECTED" not in run.errors:
            break
        broken += 1
        main(home)  # the retry
        assert names(home) == new and not verify_dataset(home / "dataset").problems
        assert list((home / "work").glob("*")) == []
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
