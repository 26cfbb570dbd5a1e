"""Each thing that is wrong is found, alone, and blamed on the right file, episode and frame."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import Report, verify_dataset
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.tables import read_table
from robotdata.dataset.verify.stats import stored_stats
from robotdata.dataset.write.episode_table import episode_schema, old_table
from robotdata.video.remux import Segment, join_videos
from tests.dataset.conftest import FRONT, TOP, Bench
from tests.support.cells import EPISODES, data_file, rewrite, set_cell, set_json


def only(report: Report) -> tuple[str, int | None, int | None]:
    assert len(report.problems) == 1, [str(problem) for problem in report.problems]
    problem = report.problems[0]
    return problem.file, problem.episode, problem.frame


@pytest.mark.parametrize(
    ("column", "value"),
    [("frame_index", 99), ("timestamp", 0.5), ("episode_index", 2), ("index", 3), ("task_index", 9)],
)
def test_it_blames_the_row_that_is_wrong(six: Bench, column: str, value: Any) -> None:
    path, first = data_file(six, 3)
    rewrite(path, lambda table: set_cell(table, column, first + 4, value))
    report = verify_dataset(six.root)
    assert {(p.episode, p.frame) for p in report.problems if p.file.startswith("data")} == {(3, 4)}
    assert all(p.episode == 3 for p in report.problems)


def test_it_recomputes_statistics(six: Bench) -> None:
    path, first = data_file(six, 2)
    rewrite(path, lambda table: set_cell(table, "action", first + 1, [9.0] * 6))
    found = {(p.file, p.episode) for p in verify_dataset(six.root).problems}
    assert found == {("meta/episodes", 2), ("meta/stats.json", None)}


def test_it_bears_statistics_that_are_no_numbers(six: Bench) -> None:
    set_json(six.root / "meta/stats.json", lambda stats: stats["action"].update(std=[["a"]]))
    assert only(verify_dataset(six.root)) == ("meta/stats.json", None, None)


def test_it_checks_the_statistics_of_the_whole(six: Bench) -> None:
    set_json(six.root / "meta/stats.json", lambda stats: stats["action"].update(mean=[1.0] * 6))
    assert only(verify_dataset(six.root)) == ("meta/stats.json", None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [("length", 5), ("dataset_from_index", 13), (f"videos/{TOP}/from_timestamp", 0.05), ("tasks", ["other"])],
)
def test_it_blames_the_episode_whose_place_is_wrong(six: Bench, column: str, value: Any) -> None:
    rewrite(six.root / EPISODES, lambda table: set_cell(table, column, 3, value))
    report = verify_dataset(six.root)
    assert report.problems
    assert 3 in {p.episode for p in report.problems}


@pytest.mark.parametrize("name", ["total_episodes", "total_frames", "total_tasks"])
def test_it_counts_what_is_claimed(six: Bench, name: str) -> None:
    set_json(six.root / "meta/info.json", lambda info: info.update({name: info[name] + 1}))
    report = verify_dataset(six.root)
    assert only(report) == ("meta/info.json", None, None)
    assert name in report.problems[0].what


def test_it_finds_the_frame_that_is_missing_in_a_video(six: Bench) -> None:
    span = six.open().episode(5).videos[FRONT]
    short = six.home / "short.mp4"
    join_videos([Segment(span.path, 0, span.first_frame + 6)], short, fps=30)
    span.path.unlink()
    short.rename(span.path)
    assert only(verify_dataset(six.root))[1:] == (5, 6)


def test_it_finds_frames_that_nobody_shows(six: Bench) -> None:
    span = six.open().episode(5).videos[FRONT]
    long = six.home / "long.mp4"
    join_videos([span.path, Segment(span.path, 0, 2)], long, fps=30)
    span.path.unlink()
    long.rename(span.path)
    assert only(verify_dataset(six.root))[1] == 5


def test_it_decodes_when_it_is_asked_to_be_thorough(six: Bench) -> None:
    span = six.open().episode(4).videos[TOP]
    data = bytearray(span.path.read_bytes())
    at = data.index(b"mdat") + 8
    data[at : len(data)] = bytes(len(data) - at)
    span.path.unlink()
    span.path.write_bytes(data)
    assert verify_dataset(six.root).ok
    report = verify_dataset(six.root, deep=True)
    assert {p.file for p in report.problems} == {span.path.relative_to(six.root.resolve()).as_posix()}


def test_it_names_a_video_that_some_readers_turn(six: Bench) -> None:
    span = six.open().episode(0).videos[FRONT]
    data = bytearray(span.path.read_bytes())
    struct.pack_into(">4i", data, data.index(b"tkhd") + 44, -65536, 0, 0, 0)
    struct.pack_into(">i", data, data.index(b"tkhd") + 44 + 16, -65536)
    span.path.unlink()
    span.path.write_bytes(data)
    report = verify_dataset(six.root)
    assert report.ok
    assert [note for note in report.notes if span.path.name in note and "rotate" in note]


def test_it_says_which_file_is_gone(six: Bench) -> None:
    span = six.open().episode(1).videos[TOP]
    mates = {e.index for e in six.open().episodes if e.videos[TOP].path == span.path}
    span.path.unlink()
    report = verify_dataset(six.root)
    assert {p.episode for p in report.problems} == mates
    assert all("is missing or empty" in p.what for p in report.problems)


def test_it_finds_files_that_nobody_refers_to(six: Bench) -> None:
    path, _ = data_file(six, 0)
    stray = six.root / "data/chunk-000/file-900.parquet"
    stray.write_bytes(path.read_bytes())
    assert only(verify_dataset(six.root))[0] == "data/chunk-000/file-900.parquet"


def test_it_wants_the_pandas_words_that_lerobot_needs_for_tasks(six: Bench) -> None:
    rewrite(six.root / "meta/tasks.parquet", lambda table: table.replace_schema_metadata(None))
    assert only(verify_dataset(six.root))[0] == "meta/tasks.parquet"


def test_it_finds_times_too_coarse_for_lerobot(six: Bench) -> None:
    """An episode that begins past 1024 s of its file: simulated, a real one would be 30,000 frames."""
    from types import SimpleNamespace

    import numpy as np

    from robotdata.dataset.verify import videos

    count = 60_000
    index = SimpleNamespace(
        pts=np.arange(count) * 512, order=np.arange(count), time_base=1 / 15360, width=272, height=64
    )
    dataset = SimpleNamespace(fps=30)
    span = SimpleNamespace(first_frame=31_000, from_timestamp=31_000 / 30)
    episode = SimpleNamespace(index=7, length=27_000, videos={FRONT: span})
    report = Report(six.root)
    videos._check_float32(dataset, FRONT, Path("x.mp4"), index, [episode], report)  # type: ignore[arg-type]
    assert report.problems[0].episode == 7


def test_it_reports_what_is_no_dataset(tmp_path: Path) -> None:
    report = verify_dataset(tmp_path / "nothing")
    assert not report.ok
    assert "there is no such folder" in report.problems[0].what


@pytest.mark.parametrize("name", ["v30_g1_inspire", "v30_rgbd_realsense"])
def test_it_finds_nothing_wrong_with_good_real_datasets(testdata: Path, name: str) -> None:
    report = verify_dataset(testdata / name, deep=True)
    assert report.problems == []
    assert report.frames > 0


@pytest.mark.parametrize("name", ["meta/tasks.parquet", EPISODES, "data/chunk-000/file-000.parquet"])
def test_it_reads_no_table_that_a_link_outside_leads_to(six: Bench, tmp_path: Path, name: str) -> None:
    """The checks that read tables by their own path refuse the link, too, after the dataset was opened."""
    secret = tmp_path / "secret.parquet"
    dataset = six.open()
    dataset.root.joinpath(name).rename(secret)
    dataset.root.joinpath(name).symlink_to(secret)
    for read in (
        lambda: read_table(dataset.root / name, root=dataset.root),
        lambda: read_table(dataset.root / name),
    ):
        with pytest.raises(DamagedFile, match="points outside|link"):
            read()
    if name == EPISODES:
        assert stored_stats(dataset) == {}
        with pytest.raises(DamagedFile):
            old_table(dataset, episode_schema(dataset.features))
