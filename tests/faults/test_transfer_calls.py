"""F02, F30: making datasets of another is broken at writes, fsyncs and renames: each is whole or not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.write.swap import is_fresh
from tests.faults.make_other_datasets import MADE, main
from tests.support.commit_a_batch import commit, encoded_takes
from tests.support.each_call import each_call, told
from tests.support.nth_call import BAD_DISK, KILL, need_strace

pytestmark = pytest.mark.faults
SOURCES = {"dataset": [6, 7], "other": [6, 7]}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, another one like it, and one that has lost its table of episodes."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    commit(home, encoded_takes(home, SOURCES["dataset"]))
    for name in ("other", "lost"):
        shutil.copytree(home / "dataset", home / name)
    shutil.rmtree(home / "lost/meta/episodes")
    return home


def lengths(root: Path) -> list[int]:
    assert verify_dataset(root, deep=True).problems == []
    return [episode.length for episode in DatasetFolder.open(root).episodes]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", list(MADE))
@pytest.mark.parametrize(("call", "how"), [("write", KILL), ("fsync", BAD_DISK), ("rename", KILL)])
def test_each_new_dataset_is_whole_or_not_there(tmp_path: Path, before: Path, what: str, call: str, how: str) -> None:
    begin = told(before, what)
    for run, home in each_call("tests.faults.make_other_datasets", begin, tmp_path, call=call, how=how):
        there = {name for name in MADE[what] if not is_fresh(home / name)}
        assert all(lengths(home / name) == MADE[what][name] for name in there), run.n
        assert there == set(MADE[what]) or "done" not in run.said, run.n
        if run.went_through:
            continue
        main(home)  # the retry
        assert {name: lengths(home / name) for name in MADE[what]} == MADE[what], run.n
        assert list((home / "work").glob("*")) == []
        assert {name: lengths(home / name) for name in SOURCES} == SOURCES
        assert files(home / "lost") == files(before / "lost")
