"""F02, F30: a move between datasets is broken at every write, fsync and rename: each dataset is old or new."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.move_an_episode import main
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.nth_call import BAD_DISK, KILL, need_strace, run_broken
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
STEP = {"rename": 3, "fsync": 9, "write": 17}  # the suite's stride; ROBOTDATA_EVERY_CALL=1 breaks each one
OLD = [6, 7]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, from two commits."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = [make_take(home / "spool", ticks, episode=ticks, cameras=CAMERAS) for ticks in OLD]
    for take in takes:
        encode(home, take)
    commit(home, takes[:1])
    commit(home, takes[1:])
    return home


def lengths(root: Path) -> list[int]:
    return [episode.length for episode in DatasetFolder.open(root).episodes] if root.exists() else []


@pytest.mark.parametrize("how", [KILL, BAD_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_the_episode_is_in_one_of_them_at_least(tmp_path: Path, before: Path, call: str, how: str) -> None:
    broken, step = 0, 1 if os.environ.get("ROBOTDATA_EVERY_CALL") else STEP[call]
    for n in range(1, 900, step):
        home = tmp_path / f"{n}"
        shutil.copytree(before, home)
        run = run_broken("tests.faults.move_an_episode", home, call=call, how=how, n=n)
        now = lengths(home / "dataset"), lengths(home / "other")
        assert now in ((OLD, []), (OLD, [6]), ([7], [6])), (n, now)
        for root in (home / "dataset", home / "other"):
            assert not root.exists() or not verify_dataset(root, deep=True).problems, n
        if "moved" in run.said:
            assert now == ([7], [6])
        if run.code == 0 and "INJECTED" not in run.errors:
            break
        broken += 1
        main(home)  # the retry
        assert (lengths(home / "dataset"), lengths(home / "other")) == ([7], [6])
        uuids = [DatasetFolder.open(home / name).episodes[0].uuid for name in ("dataset", "other")]
        assert uuids == [DatasetFolder.open(before / "dataset").episodes[n].uuid for n in (1, 0)]
        assert list((home / "work").glob("*")) == []
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
