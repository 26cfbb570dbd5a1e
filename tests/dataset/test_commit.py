from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import (
    CommitError,
    DatasetFolder,
    DatasetSpec,
    FeaturesDiffer,
    NewEpisode,
    commit_episodes,
    dataset_lock,
    verify_dataset,
)
from robotdata.dataset.errors import DatasetBusy, FeatureError
from robotdata.dataset.stats import ImageStats, numeric_stats
from robotdata.video.codecs import EncodeSettings
from robotdata.video.decode import open_video
from robotdata.video.encode import encode_frames
from robotdata.video.remux import Segment, join_videos
from tests.dataset.conftest import FRONT, LENGTHS, Bench, MakeEpisode, columns, expected


def test_it_gives_every_row_its_frame_over_several_commits_and_files(six: Bench) -> None:
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]
    dataset = six.open()
    assert len({episode.videos[FRONT].path for episode in dataset.episodes}) > 1
    assert len({episode.data_file for episode in dataset.episodes}) > 1
    assert verify_dataset(six.root, deep=True).problems == []


def test_it_writes_the_rows_that_it_was_given(six: Bench) -> None:
    dataset = six.open()
    for n, length in enumerate(LENGTHS):
        rows = dataset.rows(n)
        for name, values in columns(length, n).items():
            assert np.array_equal(rows[name], values)
        assert np.array_equal(rows["timestamp"], (np.arange(length) / 30).astype(np.float32))
        assert dataset.episodes[n].tasks == [f"task {n % 2}"]


def test_it_counts_rows_over_the_whole_dataset(six: Bench) -> None:
    dataset = six.open()
    index = np.concatenate([dataset.rows(n)["index"] for n in range(len(LENGTHS))])
    assert np.array_equal(index, np.arange(sum(LENGTHS)))
    assert dataset.info["total_frames"] == sum(LENGTHS)
    assert dataset.info["splits"] == {"train": "0:6"}


def test_it_commits_an_episode_once_however_often_it_is_asked(bench: Bench, staged: list[NewEpisode]) -> None:
    first = bench.commit(staged[:2])
    before = bench.fingerprint()
    again = bench.commit(staged[:2])
    assert again.indices == first.indices
    assert (again.episodes, again.frames, again.revision) == (0, 0, first.revision)
    assert bench.fingerprint() == before
    assert bench.commit(staged[:3]).indices[staged[2].uuid] == 2


def test_it_leaves_old_states_as_they_were(bench: Bench, staged: list[NewEpisode]) -> None:
    bench.commit(staged[:1])
    before = bench.fingerprint()
    bench.commit(staged[1:2])
    old = bench.places["revisions"] / "1"
    assert {path.relative_to(old).as_posix(): path.read_bytes() for path in old.rglob("*") if path.is_file()} == before


def test_it_keeps_only_so_many_old_states(bench: Bench, staged: list[NewEpisode]) -> None:
    for episode in staged[:5]:
        bench.places["keep_revisions"] = 2  # type: ignore[assignment]
        bench.commit([episode])
    assert sorted(path.name for path in bench.places["revisions"].iterdir()) == ["3", "4"]


def test_it_writes_one_row_group_an_episode_with_the_types_of_lerobot(bench: Bench, staged: list[NewEpisode]) -> None:
    bench.commit(staged[:3])
    bench.commit(staged[3:5])
    file = pq.ParquetFile(bench.root / "data/chunk-000/file-000.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == list(LENGTHS[:5])
    assert file.schema_arrow.field("observation.force").type == "double"
    assert b"fingerprint" not in file.schema_arrow.metadata[b"huggingface"]


def test_it_notices_a_flipped_bit_in_the_rows(six: Bench) -> None:
    path = six.root / "data/chunk-000/file-000.parquet"
    data = bytearray(path.read_bytes())
    data[200] ^= 4
    path.unlink()
    path.write_bytes(data)
    assert not verify_dataset(six.root).ok


def test_it_keeps_verdicts_beside_the_dataset(six: Bench) -> None:
    sidecar = json.loads((six.root / "meta/robotdata.json").read_text())
    assert sidecar["revision"] == 3
    assert [entry["verdict"] for entry in sidecar["episodes"]] == ["keep"] * 6
    assert six.open().episodes[4].uuid == "00000000-0000-0000-0000-000000000004"


def test_it_takes_a_task_for_every_row(bench: Bench, new: MakeEpisode) -> None:
    bench.commit([new(0, 4, ["reach", "reach", "grasp 🤖", "grasp 🤖"])])
    dataset = bench.open()
    assert dataset.tasks == ["reach", "grasp 🤖"]
    assert dataset.rows(0)["task_index"].tolist() == [0, 0, 1, 1]
    assert verify_dataset(bench.root).ok


@pytest.mark.parametrize("fps", [7, 24, 60])
def test_it_keeps_many_short_episodes_on_the_grid(bench: Bench, tmp_path: Path, fps: int) -> None:
    """Times summed up as floating numbers drift; these are frames divided by fps, once."""
    key, count = "observation.images.front", 150
    pictures = [np.full((32, 32, 3), 30 * n, np.uint8) for n in range(7)]
    video = encode_frames(pictures, tmp_path / "v.mp4", fps=fps, settings=EncodeSettings(codec="h264")).path
    stat = numeric_stats(np.full((7, 3), 0.5))
    stat = {name: value if name == "count" else value.reshape(3, 1, 1) for name, value in stat.items()}
    features = {key: {"dtype": "video", "shape": [32, 32, 3], "names": None}}
    episodes = [NewEpisode(f"e{n}", "wave", {}, 7, {key: video}, {key: stat}) for n in range(count)]
    spec = DatasetSpec(float(fps), None, features, video_files_size_in_mb=0.05)
    commit_episodes(bench.root, spec, episodes, **bench.places)
    dataset = bench.open()
    assert type(dataset.info["fps"]) is int
    assert len({span.path for e in dataset.episodes for span in e.videos.values()}) > 1
    assert all(e.videos[key].from_timestamp == e.videos[key].first_frame / fps for e in dataset.episodes)
    assert verify_dataset(bench.root).problems == []


def test_it_starts_a_new_video_where_the_codec_differs(
    bench: Bench, staged: list[NewEpisode], new: MakeEpisode
) -> None:
    bench.commit(staged[:1])
    bench.commit([new(1, 4, "task 1", EncodeSettings(codec="h264", preset="medium", pix_fmt="yuv444p"))])
    places = [episode.videos[FRONT].file for episode in bench.open().episodes]
    assert places == [0, 1]
    assert bench.shown() == [expected(0, 5), expected(1, 4)]


def test_it_refuses_features_that_differ_and_says_in_what(bench: Bench, staged: list[NewEpisode]) -> None:
    bench.commit(staged[:1])
    before = bench.fingerprint()
    wrong = {**bench.open().features, "action": {"dtype": "float32", "shape": [7], "names": None}}
    with pytest.raises(FeaturesDiffer, match=r"action shape: \[7\] here, \[6\]") as refused:
        bench.commit(staged[1:2], features=wrong)
    assert [d.what for d in refused.value.differences] == ["action shape"]
    assert bench.fingerprint() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"length": 0}, "has no rows"),
        ({"tasks": " "}, "has no task"),
        ({"tasks": ["one", "two"]}, "5 rows and 2 tasks"),
        ({"videos": {}}, "no video"),
        ({"columns": {}}, "no values of action"),
        ({"columns": columns(4, 0)}, r"action has shape \(4, 6\), want \(5, 6\)"),
        ({"columns": columns(5, 0) | {"observation.force": np.array([1, 2, np.nan, 4, 5])}}, "not a number at row 2"),
    ],
)
def test_it_refuses_a_wrong_episode_in_words(
    bench: Bench, staged: list[NewEpisode], change: dict[str, object], words: str
) -> None:
    with pytest.raises(CommitError, match=words):
        bench.commit([replace(staged[0], **change)])  # type: ignore[arg-type]
    assert not bench.root.exists()
    assert list(bench.places["work"].glob("*")) == []


def test_it_refuses_a_video_that_lacks_frames(bench: Bench, staged: list[NewEpisode], tmp_path: Path) -> None:
    short = tmp_path / "short.mp4"
    join_videos([Segment(staged[0].videos[FRONT], 0, 2)], short, fps=30)
    with pytest.raises(CommitError, match="5 rows, its video of observation.images.front 2 frames"):
        bench.commit([replace(staged[0], videos={**staged[0].videos, FRONT: short})])


def test_it_refuses_a_camera_that_kills_encoders(bench: Bench, staged: list[NewEpisode]) -> None:
    tiny = {"observation.images.front": {"dtype": "video", "shape": [24, 33, 3], "names": None}}
    with pytest.raises(FeatureError, match="33x24; sides must be even"):
        bench.commit(staged[:1], features=tiny)


def test_it_waits_for_nobody_for_ever(bench: Bench, staged: list[NewEpisode]) -> None:
    import threading

    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with dataset_lock(bench.root):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    try:
        bench.places["lock_wait_s"] = 0.1  # type: ignore[assignment]
        with pytest.raises(DatasetBusy, match=f"being changed by pid {os.getpid()}"):
            bench.commit(staged[:1])
    finally:
        done.set()
        thread.join()


def test_it_can_be_cancelled_and_leaves_the_dataset_as_it_was(bench: Bench, staged: list[NewEpisode]) -> None:
    class Cancelled(Exception):
        pass

    bench.commit(staged[:1])
    before = bench.fingerprint()

    def cancel(done: int, _total: int) -> None:
        if done == 3:
            raise Cancelled

    bench.places["progress"] = cancel  # type: ignore[assignment]
    with pytest.raises(Cancelled):
        bench.commit(staged[1:2])
    assert bench.fingerprint() == before
    assert list(bench.places["work"].iterdir()) == []


def test_it_adds_to_what_lerobot_recorded(testdata: Path, bench: Bench, tmp_path: Path) -> None:
    import shutil

    key = "observation.images.cam_high"
    shutil.copytree(testdata / "v30_g1_inspire", bench.root)
    old = bench.open()
    span = old.episodes[2].videos[key]
    join_videos([Segment(span.path, span.first_frame, 40)], tmp_path / "part.mp4", fps=30)
    rows = {name: old.rows(2)[name][:40] for name in ("observation.state", "action")}
    counted = ImageStats()
    with open_video(tmp_path / "part.mp4") as video:
        for picture in video.frames():
            counted.add(picture)
    added = NewEpisode("u", "Pick up", rows, 40, {key: tmp_path / "part.mp4"}, {key: counted.result()})
    result = bench.commit([added], features=old.features)
    assert result.indices == {"u": 4}
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes, report.frames) == ([], [], 1465)
    new = DatasetFolder.open(bench.root)
    assert new.episodes[4].videos[key].first_frame == 1425
    assert "q99" in new.stats()["action"]
    assert new.features["action"]["names"][0] == "kLeftShoulderPitch"
