"""F02, F30: a conversion is broken at writes, fsyncs, renames and deletions: what it makes is whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.convert.examine import examine
from robotdata.dataset.convert.run import convert_dataset
from robotdata.dataset.write.swap import is_fresh
from tests.faults.convert_a_dataset import main
from tests.support.each_call import each_call, told
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, need_strace
from tests.support.old_dataset import write_old
from tests.support.version_1 import write_version_1

pytestmark = pytest.mark.faults
LENGTHS = [5, 7]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset v2.1 of two episodes, and the same as v1.6 and v3.0."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    write_old(home / "old", LENGTHS)
    write_version_1(home / "first", LENGTHS)
    convert_dataset(home / "old", home / "dataset", work=home / "work")
    return home


def lengths(root: Path, what: str) -> list[int]:
    """The lengths of the episodes of a dataset that was made, in which nobody finds a fault."""
    if what == "older":
        old = examine(root)
        assert (old.problems, old.meta.version) == ({}, "v2.1")
        return [episode.length for episode in old.episodes]
    assert verify_dataset(root, deep=True).problems == []
    return [episode.length for episode in DatasetFolder.open(root).episodes]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", ["newer", "first", "older"])
@pytest.mark.parametrize(
    ("call", "how"), [("write", KILL), ("write", FULL_DISK), ("fsync", BAD_DISK), ("rename", KILL), ("unlink", KILL)]
)
def test_what_is_made_is_whole_or_not_there(tmp_path: Path, before: Path, what: str, call: str, how: str) -> None:
    begin = told(before, what)
    for run, home in each_call("tests.faults.convert_a_dataset", begin, tmp_path, call=call, how=how):
        is_there = not is_fresh(home / "made")
        assert not is_there or lengths(home / "made", what) == LENGTHS, run.n
        assert is_there or "converted" not in run.said, run.n
        if not run.went_through:
            main(home)  # the retry
        assert lengths(home / "made", what) == LENGTHS, run.n
        assert list((home / "work").glob("*")) == []
        for name in ("old", "first", "dataset"):  # it is only read
            assert files(home / name) == files(before / name), run.n
