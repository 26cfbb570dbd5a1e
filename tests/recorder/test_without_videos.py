"""What a dataset lacks that was downloaded without its videos is not lost; what once was here is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode
from recorder.worker.recover import recover
from tests.recorder.conftest import work

MakeEpisode = Callable[..., Episode]


def put(testdata: Path, home: Path) -> Path:
    folder = home / "datasets/pusht"
    shutil.copytree(testdata / "v30_pusht_no_videos", folder, copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    return folder


def test_it_has_lost_nothing_where_it_came_without_them(db: None, testdata: Path, home: Path) -> None:
    put(testdata, home)
    for _ in range(2):  # found, then known
        report = recover()
        assert (report.code, report.datasets, report.lost) == (0, 1, [])
        assert any("pusht: none of its videos is here" in line for line in report.messages)


def test_it_has_where_one_of_them_is_here(db: None, testdata: Path, home: Path) -> None:
    path = put(testdata, home) / "videos/observation.image/chunk-000/file-000.mp4"
    path.parent.mkdir(parents=True)
    path.touch()
    assert recover().code == 3
    path.unlink()
    assert recover().code == 3, "somebody has deleted it: its folder is still here"
    path.parent.rmdir()
    assert recover().code == 0


def test_it_has_where_its_rows_are_missing_too(db: None, testdata: Path, home: Path) -> None:
    (put(testdata, home) / "data/chunk-000/file-000.parquet").unlink()
    report = recover()
    assert report.code == 3 and "206 of 206 episodes are incomplete" in report.lost[0]


def test_it_has_where_we_wrote_it(transactional_db: None, cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    make_episode()
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    shutil.rmtree(cubes.path / "videos")
    for _ in range(2):
        report = recover()
        assert report.code == 3 and "2 of 2 episodes are incomplete" in report.lost[0]
    (cubes.path / "meta/robotdata.json").unlink()
    assert recover().code == 3, "its row knows that we did"
