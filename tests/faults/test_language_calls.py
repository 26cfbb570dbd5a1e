"""F02, F30: subtasks, videos made of images and reverts are broken at writes, fsyncs and renames: old or new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.write.pictures import videos_to_pictures
from robotdata.dataset.write.transfer import Where
from tests.faults.speak_and_revert import CAMERA, REVISION, SAID, main
from tests.support.commit_a_batch import commit, encoded_takes
from tests.support.each_call import each_call, told
from tests.support.nth_call import BAD_DISK, KILL, need_strace

pytestmark = pytest.mark.faults
LENGTHS = [6, 7]
OLD = (REVISION, LENGTHS, "image", None)
NEW = {
    "language": (REVISION + 1, LENGTHS, "image", SAID),
    "to_videos": (REVISION + 1, LENGTHS, "video", None),
    "revert": (REVISION + 1, LENGTHS[:1], "video", None),
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, from two commits; then its pictures went into the Parquet files."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = encoded_takes(home, LENGTHS)
    commit(home, takes[:1])
    commit(home, takes[1:])
    videos_to_pictures(home / "dataset", [CAMERA], Where(home / "work", home / "revisions"))
    return home


def state(home: Path) -> tuple[int, list[int], str, Any]:
    dataset = DatasetFolder.open(home / "dataset")
    assert verify_dataset(home / "dataset", deep=True).problems == []
    said = dataset.language(1).language if len(dataset.episodes) > 1 else None
    lengths = [episode.length for episode in dataset.episodes]
    return dataset.revision, lengths, dataset.features[CAMERA]["dtype"], said or None


@pytest.mark.parametrize("what", list(NEW))
@pytest.mark.parametrize(("call", "how"), [("write", KILL), ("fsync", BAD_DISK), ("rename", KILL)])
def test_the_dataset_is_old_or_new_and_the_next_run_completes_it(
    tmp_path: Path, before: Path, what: str, call: str, how: str
) -> None:
    begin = told(before, what)
    for run, home in each_call("tests.faults.speak_and_revert", begin, tmp_path, call=call, how=how):
        assert state(home) in (OLD, NEW[what]), run.n
        if "done" in run.said:
            assert state(home) == NEW[what], run.n
        if run.went_through:
            continue
        main(home)  # the retry
        assert state(home) == NEW[what], run.n
        assert list((home / "work").glob("*")) == []
