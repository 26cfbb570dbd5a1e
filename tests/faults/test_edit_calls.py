"""F02, F30: An edit is broken at every write, fsync and rename: a change is saved or not, the dataset old or new."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.layout import SIDECAR
from tests.faults.edit_a_dataset import edit
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace, run_broken
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
STEP = {"rename": 1, "fsync": 5, "write": 9}  # the suite's stride; ROBOTDATA_EVERY_CALL=1 breaks each one
OLD, NEW = [6, 7], [3]


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


def lengths(home: Path) -> list[int]:
    return [episode.length for episode in DatasetFolder.open(home / "dataset").episodes]


@pytest.mark.parametrize("how", [KILL, FULL_DISK, BAD_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_is_the_old_dataset_or_the_new_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    broken, step = 0, 1 if os.environ.get("ROBOTDATA_EVERY_CALL") else STEP[call]
    for n in range(1, 600, step):
        home = tmp_path / f"{n}"
        shutil.copytree(before, home)
        run = run_broken("tests.faults.edit_a_dataset", home, call=call, how=how, n=n)
        assert not verify_dataset(home / "dataset", deep=True).problems, n
        assert lengths(home) in (OLD, NEW)
        entries = json.loads((home / "dataset" / SIDECAR).read_text())["episodes"]
        if lengths(home) == OLD:
            rejected, planned = entries[0].get("verdict") == "reject", "planned" in entries[1]
            assert rejected == planned, "one writing says both"
            assert rejected or "said" not in run.said
        if "applied" in run.said:
            assert lengths(home) == NEW
        if run.code == 0 and "INJECTED" not in run.errors:
            break
        broken += 1
        edit(home)  # the retry
        assert lengths(home) == NEW and not verify_dataset(home / "dataset").problems
        assert list((home / "work").glob("*")) == []
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
