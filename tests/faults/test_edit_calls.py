"""F02, F30: An edit is broken at every write, fsync and rename: a change is saved or not, the dataset old or new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.layout import SIDECAR
from tests.faults.edit_a_dataset import edit
from tests.support.commit_a_batch import commit, encoded_takes
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace

pytestmark = pytest.mark.faults
WAYS = [KILL, FULL_DISK, BAD_DISK]
OLD, NEW = [6, 7], [3]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, from two commits."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = encoded_takes(home, OLD)
    commit(home, takes[:1])
    commit(home, takes[1:])
    return home


def lengths(home: Path) -> list[int]:
    return [episode.length for episode in DatasetFolder.open(home / "dataset").episodes]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_is_the_old_dataset_or_the_new_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    for run, home in each_call("tests.faults.edit_a_dataset", before, tmp_path, call=call, how=how, ways=WAYS):
        assert not verify_dataset(home / "dataset", deep=True).problems, run.n
        assert lengths(home) in (OLD, NEW)
        entries = json.loads((home / "dataset" / SIDECAR).read_text())["episodes"]
        if lengths(home) == OLD:
            rejected, planned = entries[0].get("verdict") == "reject", "planned" in entries[1]
            assert rejected == planned, "one writing says both"
            assert rejected or "said" not in run.said
        if "applied" in run.said:
            assert lengths(home) == NEW
        if run.went_through:
            continue
        edit(home)  # the retry
        assert lengths(home) == NEW and not verify_dataset(home / "dataset").problems
        assert list((home / "work").glob("*")) == []
