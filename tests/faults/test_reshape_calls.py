"""F02, F30: a change of time or pictures is broken at writes, fsyncs and renames: the old state or the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.reshape_a_dataset import main
from tests.support.commit_a_batch import commit, encoded_takes
from tests.support.each_call import each_call, told
from tests.support.nth_call import BAD_DISK, KILL, need_strace

pytestmark = pytest.mark.faults
OLD = [6, 7]
NEW = {"reorder": [7, 6], "cut": [6, 2, 3], "reencode": [6, 7], "drop_frames": [3, 4], "to_images": [6, 7]}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, from two commits."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = encoded_takes(home, OLD)
    commit(home, takes[:1])
    commit(home, takes[1:])
    return home


def state(home: Path) -> tuple[int, list[int]]:
    dataset = DatasetFolder.open(home / "dataset")
    assert verify_dataset(home / "dataset", deep=True).problems == []
    return dataset.revision, [episode.length for episode in dataset.episodes]


@pytest.mark.parametrize("what", list(NEW))
@pytest.mark.parametrize(("call", "how"), [("write", KILL), ("fsync", BAD_DISK), ("rename", KILL)])
def test_the_dataset_is_old_or_new_and_the_next_run_completes_it(
    tmp_path: Path, before: Path, what: str, call: str, how: str
) -> None:
    begin = told(before, what)
    for run, home in each_call("tests.faults.reshape_a_dataset", begin, tmp_path, call=call, how=how):
        assert state(home) in ((2, OLD), (3, NEW[what])), run.n
        if "done" in run.said:
            assert state(home) == (3, NEW[what]), run.n
        if run.went_through:
            continue
        main(home)  # the retry
        assert state(home) == (3, NEW[what]), run.n
        assert list((home / "work").glob("*")) == []
