"""F02, F30: a change of time or pictures is broken at writes, fsyncs and renames: the old state or the new one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.reshape_a_dataset import main
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.nth_call import BAD_DISK, KILL, need_strace, run_broken
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
STEP = {"rename": 2, "fsync": 13, "write": 29}  # the suite's stride; ROBOTDATA_EVERY_CALL=1 breaks each one
OLD = [6, 7]
NEW = {"reorder": [7, 6], "cut": [6, 2, 3], "reencode": [6, 7], "drop_frames": [3, 4], "to_images": [6, 7]}


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


def state(home: Path) -> tuple[int, list[int]]:
    dataset = DatasetFolder.open(home / "dataset")
    assert verify_dataset(home / "dataset", deep=True).problems == []
    return dataset.revision, [episode.length for episode in dataset.episodes]


@pytest.mark.parametrize("what", list(NEW))
@pytest.mark.parametrize(("call", "how"), [("write", KILL), ("fsync", BAD_DISK), ("rename", KILL)])
def test_the_dataset_is_old_or_new_and_the_next_run_completes_it(
    tmp_path: Path, before: Path, what: str, call: str, how: str
) -> None:
    broken, step = 0, 1 if os.environ.get("ROBOTDATA_EVERY_CALL") else STEP[call]
    for n in range(1, 900, step):
        home = tmp_path / f"{n}"
        shutil.copytree(before, home)
        (home / "what").write_text(what)
        run = run_broken("tests.faults.reshape_a_dataset", home, call=call, how=how, n=n)
        if run.code == 0 and "INJECTED" not in run.errors:
            break
        broken += 1
        assert state(home) in ((2, OLD), (3, NEW[what])), n
        if "done" in run.said:
            assert state(home) == (3, NEW[what]), n
        main(home)  # the retry
        assert state(home) == (3, NEW[what]), n
        assert list((home / "work").glob("*")) == []
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
