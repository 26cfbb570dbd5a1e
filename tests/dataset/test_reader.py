from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DamagedFile, DatasetFolder, NoSuchEpisode, NotADataset, OldVersion
from robotdata.dataset.repair.survey import can_be_rescued
from tests.dataset.conftest import FRONT, LENGTHS, Bench

EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def change_info(bench: Bench, **changes: object) -> None:
    path = bench.root / "meta/info.json"
    info = json.loads(path.read_text()) | changes
    path.unlink()
    path.write_text(json.dumps(info))


def change_tasks(bench: Bench, table: pa.Table) -> None:
    path = bench.root / "meta/tasks.parquet"
    path.unlink()
    pq.write_table(table, path)


def test_it_says_where_everything_lies(six: Bench) -> None:
    dataset = six.open()
    assert (dataset.fps, dataset.tasks, dataset.camera_keys[0]) == (30, ["task 0", "task 1"], FRONT)
    assert [episode.length for episode in dataset.episodes] == list(LENGTHS)
    assert dataset.signal(2, "observation.force").shape == (4, 1)
    assert dataset.rows(2, ["action"])["action"].shape == (4, 6)
    assert all(episode.problems == [] for episode in dataset.episodes)


@pytest.mark.parametrize(
    "table",
    [
        {"task_index": [0, 1], "__index_level_0__": ["task 0", "task 1"]},
        {"task_index": [1, 0], "task": ["task 1", "task 0"]},
        {"task": [b"task 0", b"task 1"], "task_index": [0.0, 1.0]},
        {"whatever": pa.array(["task 0", "task 1"]).dictionary_encode()},
    ],
)
def test_it_reads_every_dialect_of_tasks(six: Bench, table: dict[str, object]) -> None:
    change_tasks(six, pa.table(table))
    assert six.open().tasks == ["task 0", "task 1"]


def test_it_opens_without_tasks(six: Bench) -> None:
    (six.root / "meta/tasks.parquet").write_bytes(b"PAR1")
    dataset = six.open()
    assert dataset.tasks == []
    assert "tasks.parquet cannot be read" in dataset.problems[0]


def test_it_passes_over_a_damaged_file_of_episodes(six: Bench) -> None:
    bad = six.root / "meta/episodes/chunk-000/file-001.parquet"
    bad.write_bytes(b"not parquet")
    dataset = six.open()
    assert len(dataset.episodes) == 6
    assert "file-001.parquet cannot be read" in dataset.problems[0]


def test_it_says_which_episodes_a_lost_file_takes_along(six: Bench) -> None:
    lost = six.open().episode(3).data_file
    assert lost is not None
    lost.unlink()
    dataset = six.open()
    assert any("is missing or empty" in text for text in dataset.episode(3).problems)
    assert dataset.rows(5)["index"][-1] == sum(LENGTHS) - 1
    with pytest.raises(DamagedFile):
        dataset.rows(3)


def test_it_names_a_pointer_of_git_lfs(six: Bench) -> None:
    path = six.open().episode(0).data_file
    assert path is not None
    path.unlink()
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    with pytest.raises(DamagedFile, match="git lfs pull"):
        six.open().rows(0)


@pytest.mark.parametrize("column", ["length", f"videos/{FRONT}/from_timestamp", "data/chunk_index"])
def test_it_bears_columns_of_another_kind(six: Bench, column: str) -> None:
    table = pq.read_table(six.root / EPISODES)
    (six.root / EPISODES).unlink()
    at = table.column_names.index(column)
    pq.write_table(table.set_column(at, column, pa.array(["x"] * 6)), six.root / EPISODES)
    dataset = six.open()
    assert f"{column} is not numeric" in dataset.problems[0]
    assert len(dataset.rows(3)["index"]) == LENGTHS[3]


def test_it_finds_rows_without_being_told_the_file(six: Bench) -> None:
    table = pq.read_table(six.root / EPISODES)
    (six.root / EPISODES).unlink()
    keep = [n for n in table.column_names if not n.startswith(("data/", "stats/", "dataset_", "episode_index"))]
    pq.write_table(table.select(keep), six.root / EPISODES)
    dataset = six.open()
    assert [int(dataset.rows(n)["episode_index"][0]) for n in range(6)] == list(range(6))


def test_it_finds_rows_whose_place_is_stated_wrong(six: Bench) -> None:
    table = pq.read_table(six.root / EPISODES)
    (six.root / EPISODES).unlink()
    at = table.column_names.index("dataset_from_index")
    pq.write_table(table.set_column(at, "dataset_from_index", pa.array([0] * 6)), six.root / EPISODES)
    rows = six.open().rows(4)
    assert set(rows["episode_index"].tolist()) == {4}
    assert len(rows["index"]) == LENGTHS[4]


def test_it_stays_inside_the_dataset(six: Bench) -> None:
    span = six.open().episode(0).videos[FRONT]
    outside = six.home / "elsewhere.mp4"
    shutil.move(span.path, outside)
    span.path.symlink_to(outside)
    episode = six.open().episode(0)
    assert FRONT not in episode.videos
    assert "points outside" in episode.problems[0]


def test_it_notices_that_the_folder_changed(six: Bench) -> None:
    dataset = six.open()
    assert not dataset.changed()
    change_info(six, robot_type="other")
    assert dataset.changed()


@pytest.mark.parametrize("index", [-1, 6, 10**9, "0", None])
def test_it_knows_its_episodes(six: Bench, index: object) -> None:
    with pytest.raises(NoSuchEpisode, match="episodes 0 to 5"):
        six.open().rows(index)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"codebase_version": "v4.0"}, "codebase_version is 'v4.0'"),
        ({"storage_format": "lance"}, "storage_format is 'lance'"),
        ({"storage_format": ["parquet"]}, "storage_format is"),
        ({"fps": 0}, "fps is 0"),
        ({"features": {}}, "has no features"),
        ({"features": {"a": 3}}, "feature 'a' has no dtype"),
    ],
)
def test_it_refuses_in_words(six: Bench, changes: dict[str, object], words: str) -> None:
    change_info(six, **changes)
    with pytest.raises(NotADataset, match=words):
        six.open()


@pytest.mark.parametrize("storage", [None, "parquet"])
def test_a_dataset_may_say_that_it_is_parquet(six: Bench, storage: str | None) -> None:
    change_info(six, storage_format=storage)
    assert len(six.open().rows(0))


def test_nothing_is_added_to_a_dataset_of_another_storage(six: Bench) -> None:
    change_info(six, storage_format="lance")
    before = six.fingerprint()
    with pytest.raises(NotADataset, match="storage_format"):
        six.commit([])
    assert six.fingerprint() == before


def test_it_names_the_version_of_an_old_dataset(testdata: Path) -> None:
    with pytest.raises(OldVersion, match="v2.1") as refused:
        DatasetFolder.open(testdata / "v21_g1_inspire")
    assert refused.value.version == "v2.1"


def test_it_reads_a_list_of_episodes_without_its_videos(testdata: Path) -> None:
    dataset = DatasetFolder.open(testdata / "v30_pusht_no_videos")
    assert (len(dataset.episodes), dataset.total_frames) == (206, 25650)
    assert "is missing or empty" in dataset.episodes[0].problems[0]
    rows = dataset.rows(205)
    assert rows["frame_index"].tolist() == list(range(dataset.episodes[205].length))
    assert np.isfinite(rows["action"]).all()


def test_a_dataset_of_another_storage_is_not_offered_for_repair(six: Bench) -> None:
    assert can_be_rescued(six.root)
    change_info(six, storage_format="lance")
    assert not can_be_rescued(six.root)
    (six.root / "meta/info.json").write_text("{")
    assert can_be_rescued(six.root), "a damaged one is what it is for"
