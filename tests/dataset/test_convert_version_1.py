"""A dataset v1.6 becomes v3.0: every row and frame the same, its tasks from its rows, and the original untouched."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.convert.examine import examine
from robotdata.dataset.convert.old_meta import convertible_version
from robotdata.dataset.convert.run import ConvertResult, convert_dataset
from robotdata.dataset.convert.version_1 import UNNAMED
from robotdata.dataset.errors import ConversionError, DamagedFile, OldVersion, UnsafePath
from robotdata.video.jpeg import encode_jpeg
from tests.dataset.conftest import CAMERAS, FPS, barcodes, expected, picture
from tests.support import old_dataset
from tests.support.version_1 import LENGTHS, frames, write_rows, write_version_1


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write_version_1(tmp_path / "cubes")


def convert(old: Path, **options: Any) -> ConvertResult:
    return convert_dataset(old, old.parent / "new", work=old.parent / "work", **options)


def all_rows(root: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((root / "data").iterdir())])


@pytest.mark.parametrize("arrow", [False, True])
def test_rows_frames_and_tasks_are_the_same(tmp_path: Path, arrow: bool) -> None:
    texts = ["push the cube", "tf.Tensor(b'lift the cube', shape=(), dtype=string)", "push the cube"]
    old = write_version_1(tmp_path / "cubes", arrow=arrow, tasks=texts)
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    made = convert(old)
    assert (made.episodes, made.frames) == (3, sum(LENGTHS))
    assert all("counted from its frames" in note for note in made.notes)  # v1.x has no statistics of an episode
    new = tmp_path / "new"
    dataset, report = DatasetFolder.open(new), verify_dataset(new, deep=True)
    assert (report.problems, report.notes, dataset.problems) == ([], [], [])
    assert [each.tasks for each in dataset.episodes] == [["push the cube"], ["lift the cube"], ["push the cube"]]
    assert dataset.fps == FPS and set(dataset.features) >= {"action", "observation.state", "next.done", *CAMERAS}
    for episode, length in zip(dataset.episodes, LENGTHS, strict=True):
        rows = dataset.rows(episode.index)
        actions = old_dataset.table(episode.index, length, 0)["action"].to_pylist()
        assert np.array_equal(rows["action"], np.array(actions, np.float32))
        assert np.asarray(rows["next.done"]).ravel().tolist() == [*[False] * (length - 1), True]
        codes = [code for key in CAMERAS for code in barcodes(dataset, episode.index, key)]
        assert codes == expected(episode.index, length)
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before
    assert (new / "README.md").is_file() and not (new / "meta_data").exists() and not (new / "rows").exists()
    assert not any((tmp_path / "work").iterdir())


def test_without_texts_each_episode_has_a_task_that_can_be_renamed(old: Path) -> None:
    made = convert(old)
    assert sum(UNNAMED in note for note in made.notes) == 1
    assert [each.tasks for each in DatasetFolder.open(old.parent / "new").episodes] == [[UNNAMED]] * 3


def test_it_is_named_and_examined_without_being_written(old: Path) -> None:
    assert convertible_version(old) == "v1.6"
    with pytest.raises(OldVersion, match=r"v1\.6.*robotdata convert"):
        DatasetFolder.open(old)
    assert [each.length for each in examine(old).episodes] == list(LENGTHS)
    assert {path.name for path in old.parent.iterdir()} == {"cubes"}


def test_pictures_in_the_rows_stay_as_they_are(tmp_path: Path) -> None:
    old = write_version_1(tmp_path / "cubes")
    rows = all_rows(old).drop_columns(list(CAMERAS))
    numbers = zip(rows["frame_index"].to_pylist(), rows["episode_index"].to_pylist(), strict=True)
    images = [{"bytes": encode_jpeg(picture(n, e, 0)), "path": f"{e}-{n}.jpg"} for n, e in numbers]
    write_rows(old, rows.append_column("observation.images.front", pa.array(images)))
    convert(old)
    dataset = DatasetFolder.open(tmp_path / "new")
    assert dataset.features["observation.images.front"]["dtype"] == "image"
    rows = pa.concat_tables([pq.read_table(path) for path in sorted((tmp_path / "new/data").rglob("*.parquet"))])
    cells = rows["observation.images.front"].to_pylist()
    assert [cell["bytes"] for cell in cells] == [each["bytes"] for each in images]


def test_an_episode_whose_frames_are_elsewhere_in_a_video_is_named_and_can_be_left_out(old: Path) -> None:
    rows = all_rows(old)
    key, first = CAMERAS[0], LENGTHS[0]
    late = frames(f"videos/{key}_episode_000001.mp4", np.arange(LENGTHS[1]) / FPS + 1)
    column = rows[key].combine_chunks()
    cells = pa.concat_arrays([column.slice(0, first), late, column.slice(first + LENGTHS[1])])
    write_rows(old, rows.set_column(rows.column_names.index(key), key, cells))
    with pytest.raises(ConversionError, check=lambda error: list(error.problems) == [1]):
        convert(old)
    assert convert(old, leave_out=True).episodes == 2


@pytest.mark.parametrize(
    "damage", ["no rows", "no episode_index", "torn", "damaged", "no video", "mixed", "other columns"]
)
def test_what_cannot_be_read_is_refused_and_leaves_nothing(old: Path, damage: str) -> None:
    rows = all_rows(old)
    first = sorted((old / "data").iterdir())[0]
    if damage == "no rows":
        for path in (old / "data").iterdir():
            path.unlink()
    elif damage == "no episode_index":
        write_rows(old, rows.drop_columns(["episode_index"]))
    elif damage == "torn":
        first.write_bytes(first.read_bytes()[:-20])
    elif damage == "damaged":
        content = first.read_bytes()
        first.write_bytes(content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :])
    elif damage == "no video":
        for path in (old / "videos").iterdir():
            path.unlink()
    elif damage == "other columns":
        pq.write_table(pq.read_table(first).drop_columns(["action"]), first)
    else:
        write_rows(old, pa.concat_tables([rows.slice(6), rows.slice(0, 6)]))
    with pytest.raises((ConversionError, DamagedFile)):
        convert(old)
    assert {path.name for path in old.parent.iterdir()} <= {"cubes", "work", ".new.lock"}
    assert not any((old.parent / "work").iterdir())


@pytest.mark.parametrize("arrow", [False, True])
def test_rows_that_expand_beyond_all_bounds_are_not_read(tmp_path: Path, arrow: bool) -> None:
    old = write_version_1(tmp_path / "cubes")
    for path in (old / "data").iterdir():
        path.unlink()
    many = 12_000_000
    bomb = pa.table({"episode_index": np.zeros(many, np.int64), "action": np.zeros(many, np.float64)})
    if arrow:
        (old / "train").mkdir()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(old / "train/data-0.arrow", bomb.schema, options=options) as file:
            file.write_table(bomb)
    else:
        pq.write_table(bomb, old / "data/train-0.parquet", row_group_size=many, compression="zstd")
    del bomb
    before = pa.total_allocated_bytes()
    with pytest.raises(DamagedFile):
        convert(old)
    assert pa.total_allocated_bytes() - before < 10 << 20


def test_an_arrow_stream_with_dictionaries_is_refused(tmp_path: Path) -> None:
    old = write_version_1(tmp_path / "cubes", arrow=True)
    path = sorted((old / "train").iterdir())[0]
    rows = pa.ipc.open_stream(path.read_bytes()).read_all()
    rows = rows.append_column("word", pa.array(["a"] * rows.num_rows).dictionary_encode())
    with pa.ipc.new_stream(path, rows.schema) as file:
        file.write_table(rows)
    with pytest.raises(DamagedFile, match="dictionary"):
        convert(old)


def test_columns_of_another_kind_are_named_and_left_out(old: Path) -> None:
    rows = all_rows(old)
    texts = pa.array([{"path": "a.mp4", "timestamp": "late"}] * rows.num_rows)
    rows = rows.append_column("language_instruction", pa.array([b"push"] * rows.num_rows))
    write_rows(old, rows.append_column("observation.images.odd", texts))
    made = convert(old)
    assert any("observation.images.odd" in note and "language_instruction" in note for note in made.notes)
    assert [each.tasks for each in DatasetFolder.open(old.parent / "new").episodes] == [[UNNAMED]] * 3


@pytest.mark.parametrize("name", ["x" * 5000, "/etc/hostname", "../new/meta/info.json", "a\0b"])
def test_a_video_is_looked_for_inside_the_dataset_only(old: Path, name: str) -> None:
    rows, key = all_rows(old), CAMERAS[0]
    stamps = np.concatenate([np.arange(length) / FPS for length in LENGTHS])
    write_rows(old, rows.set_column(rows.column_names.index(key), key, frames(name, stamps)))
    with pytest.raises((ConversionError, UnsafePath)):
        convert(old)


@pytest.mark.parametrize("arrow", [False, True])
def test_two_columns_of_one_name_are_refused(old: Path, arrow: bool) -> None:
    rows = all_rows(old)
    shutil.rmtree(old / "data")
    write_rows(old, rows.append_column("action", rows["action"]), arrow=arrow)
    with pytest.raises(DamagedFile, match="two of its columns"):
        convert(old)
