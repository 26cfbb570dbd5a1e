"""A recording whose program was killed: what is gone, what is left and what to do is said in words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.errors import NotADataset, Unfinished
from tests.dataset.conftest import FRONT, Bench


def killed(bench: Bench) -> None:
    """As LeRobot leaves it: no table of episodes, and a data file without its footer."""
    shutil.rmtree(bench.root / "meta/episodes")
    for path in (bench.root / "data").rglob("*.parquet"):
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data[:200])


def test_it_says_which_rows_are_gone_and_which_videos_are_whole(six: Bench) -> None:
    videos = sorted((six.root / "videos" / FRONT).rglob("*.mp4"))
    cut = videos[0].read_bytes()[:100]
    killed(six)
    videos[0].unlink()
    videos[0].write_bytes(cut)
    with pytest.raises(Unfinished) as caught:
        DatasetFolder.open(six.root)
    words = str(caught.value)
    assert "data/chunk-000/file-000.parquet" in words and "frames" in words and "record again" in words
    assert caught.value.whole == len(list((six.root / "videos").rglob("*.mp4"))) - 1
    assert f"{videos[0].relative_to(six.root).as_posix()} cannot be read" in words
    problems = verify_dataset(six.root).problems
    assert [str(caught.value) in problem.what for problem in problems] == [True]


def test_rows_that_can_be_read_are_not_called_gone(six: Bench) -> None:
    shutil.rmtree(six.root / "meta/episodes")
    with pytest.raises(NotADataset) as caught:
        DatasetFolder.open(six.root)
    assert not isinstance(caught.value, Unfinished)


def test_lerobots_own_killed_recording(cases: Path) -> None:
    problems = verify_dataset(cases / "datasets/lerobot044_killed_before_finalize").problems
    assert len(problems) == 1
    for words in ("data/chunk-000/file-000.parquet", "front/chunk-000/file-000.mp4", "wrist/chunk-000/file-000.mp4"):
        assert words in problems[0].what
