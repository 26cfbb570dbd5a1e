"""Datasets v2.x as they are found: each oddity is put right and named, or refused with the episode and the reason."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from robotdata.dataset import DatasetFolder, OldVersion, verify_dataset
from robotdata.dataset.convert.examine import examine
from robotdata.dataset.convert.old_rows import RECORDED_TIME
from robotdata.dataset.convert.run import ConvertResult, convert_dataset
from robotdata.dataset.errors import ConversionError, DatasetError
from tests.dataset.conftest import FRONT, HEIGHT, TOP, WIDTH, barcodes, expected
from tests.support.old_dataset import (
    LENGTHS,
    TASKS,
    change_info,
    change_rows,
    data_file,
    video_file,
    write_lines,
    write_old,
    write_video,
)


@pytest.fixture(scope="session")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_old(tmp_path_factory.mktemp("old") / "cubes")


@pytest.fixture
def old(_written: Path, tmp_path: Path) -> Path:
    """A dataset v2.1 of three episodes."""
    return Path(shutil.copytree(_written, tmp_path / "cubes"))


def convert(old: Path, **options: Any) -> tuple[ConvertResult, DatasetFolder]:
    """Convert, check that it verifies and that all frames are there, and open it."""
    made = convert_dataset(old, old.parent / "new", work=old.parent / "work", **options)
    dataset = DatasetFolder.open(old.parent / "new")
    assert verify_dataset(dataset.root, deep=True).problems == []
    return made, dataset


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda rows: rows.drop_columns([name])


def replaced(name: str, values: Callable[[pa.Table], Any]) -> Callable[[pa.Table], pa.Table]:
    def change(rows: pa.Table) -> pa.Table:
        return rows.set_column(rows.column_names.index(name), name, pa.array(values(rows)))

    return change


@pytest.mark.parametrize("name", ["index", "frame_index", "episode_index", "timestamp"])
def test_a_column_that_counts_is_made_anew(old: Path, name: str) -> None:
    change_rows(old, without(name))
    _, dataset = convert(old)
    assert dataset.rows(1)["index"].tolist() == list(range(LENGTHS[0], LENGTHS[0] + LENGTHS[1]))


def test_tasks_come_from_the_table_where_rows_have_none(old: Path) -> None:
    change_rows(old, without("task_index"))
    _, dataset = convert(old)
    assert [episode.tasks for episode in dataset.episodes] == [[TASKS[0]], [TASKS[1]], [TASKS[0]]]


def test_rows_decide_where_the_table_names_other_tasks(old: Path) -> None:
    lines = [{"episode_index": n, "tasks": [TASKS[0]], "length": length} for n, length in enumerate(LENGTHS)]
    write_lines(old / "meta/episodes.jsonl", lines)
    made, dataset = convert(old)
    assert dataset.episode(1).tasks == [TASKS[1]] and "episode 1: the rows name other tasks" in made.notes[0]


def test_without_a_table_of_episodes_the_files_are_the_episodes(old: Path) -> None:
    (old / "meta/episodes.jsonl").unlink()
    assert convert(old)[0].episodes == 3


def test_numbers_may_be_stored_as_other_types(old: Path) -> None:
    for name in ("index", "task_index", "episode_index", "frame_index"):
        change_rows(old, replaced(name, lambda rows, name=name: rows.column(name).to_numpy().astype(np.float64)))
    _, dataset = convert(old)
    assert dataset.rows(1)["task_index"].dtype == np.int64 and set(dataset.rows(1)["task_index"]) == {1}


def test_channels_first_become_last(old: Path) -> None:
    change_info(
        old,
        lambda info: info["features"][FRONT].update(shape=[3, HEIGHT, WIDTH], names=["channels", "height", "width"]),
    )
    made, dataset = convert(old)
    assert dataset.features[FRONT]["shape"] == [HEIGHT, WIDTH, 3] and "channels first" in made.notes[0]


def test_a_wrong_size_is_that_of_the_videos(old: Path) -> None:
    change_info(old, lambda info: info["features"][TOP].update(shape=[480, 640, 3]))
    made, dataset = convert(old)
    assert dataset.features[TOP]["shape"] == [HEIGHT, WIDTH, 3] and "640x480" in made.notes[0]


@pytest.mark.parametrize("damage", ["missing", "of white 255", "swapped minimum", "for one camera"])
def test_statistics_that_are_missing_or_wrong_are_counted_from_the_frames(old: Path, damage: str) -> None:
    path = old / "meta/episodes_stats.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for key in [FRONT] if damage == "for one camera" else [FRONT, TOP]:
            stat = line["stats"].pop(key)
            if damage == "of white 255":
                scaled = {name: [[[255 * v[0][0]]] for v in stat[name]] for name in ("min", "max", "mean", "std")}
                line["stats"][key] = stat | scaled
            elif damage == "swapped minimum":
                line["stats"][key] = stat | {"min": stat["max"], "max": stat["min"]}
    write_lines(path, lines)
    if damage == "missing":
        path.unlink()
    made, dataset = convert(old)
    assert any(f"statistics of {FRONT} in 3 episodes" in note for note in made.notes)
    assert 0.1 < dataset.stats()[FRONT]["mean"][0][0][0] < 0.9


def test_times_of_a_clock_become_exact_and_are_kept(old: Path) -> None:
    begin = 1_700_000_000.25
    change_rows(old, replaced("timestamp", lambda rows: begin + np.arange(rows.num_rows) / 29.3))
    change_info(old, lambda info: info["features"]["timestamp"].update(dtype="float64"))
    made, dataset = convert(old)
    rows = dataset.rows(2)
    assert np.allclose(rows["timestamp"], np.arange(LENGTHS[2]) / 30)
    assert np.array_equal(rows[RECORDED_TIME], begin + np.arange(LENGTHS[2]) / 29.3)
    assert dataset.features[RECORDED_TIME]["dtype"] == "float64" and RECORDED_TIME in made.notes[0]


def test_a_rate_that_is_a_float_stays_whole(old: Path) -> None:
    change_info(old, lambda info: info.update(fps=30.0))
    assert convert(old)[1].info["fps"] == 30


def test_columns_nobody_declared_become_features(old: Path) -> None:
    change_rows(old, lambda rows: rows.append_column("next.reward", pa.array(np.ones(rows.num_rows))))
    change_rows(old, lambda rows: rows.append_column("odd", pa.array([{"a": 1}] * rows.num_rows)))
    made, dataset = convert(old)
    assert dataset.features["next.reward"]["dtype"] == "float64" and dataset.rows(0)["next.reward"].tolist() == [1] * 5
    assert "odd" not in dataset.features and any("odd" in note for note in made.notes)


@pytest.mark.parametrize("number", [0, 1])
def test_a_declared_column_that_one_file_lacks_is_a_problem_of_that_episode(old: Path, number: int) -> None:
    path = data_file(old, number)
    pq.write_table(pq.read_table(path).drop_columns(["action"]), path)
    with pytest.raises(ConversionError, match="it has no column action") as refused:
        convert(old)
    assert refused.value.problems.keys() == {number}
    made, dataset = convert(old, leave_out=True)
    assert made.episodes == 2 and "action" in dataset.features
    assert f"episode {number} was left out" in made.notes[0]


def test_a_declared_column_that_no_file_has_is_left_out(old: Path) -> None:
    change_rows(old, without("action"))
    made, dataset = convert(old)
    assert "action" not in dataset.features and any("action is declared" in note for note in made.notes)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("others", [None, pa.float32()])
def test_a_column_nobody_declared_and_not_all_files_have_is_named(old: Path, number: int, others: Any) -> None:
    for each in range(3):
        kind, path = pa.float64() if each == number else others, data_file(old, each)
        rows = pq.read_table(path)
        if kind is not None:
            pq.write_table(rows.append_column("force", pa.array(np.ones(rows.num_rows), kind)), path)
    made, dataset = convert(old)
    assert "force" not in dataset.features and any("force were not declared and not in all" in n for n in made.notes)


def test_features_of_two_dimensions_become_flat_and_texts_stay(old: Path) -> None:
    change_rows(old, lambda rows: rows.append_column("grid", pa.array([[[1.0, 2.0], [3.0, 4.0]]] * rows.num_rows)))
    change_rows(old, lambda rows: rows.append_column("subtask", pa.array(["reach"] * rows.num_rows)))
    more = {"grid": {"dtype": "float32", "shape": [2, 2]}, "subtask": {"dtype": "string", "shape": [1]}}
    change_info(old, lambda info: info["features"].update(more))
    _, dataset = convert(old)
    assert dataset.rows(1)["grid"][0].tolist() == [1, 2, 3, 4] and set(dataset.rows(1)["subtask"]) == {"reach"}


def test_files_are_found_where_info_json_does_not_say(old: Path) -> None:
    (old / "videos").rename(old / "video")
    change_info(old, lambda info: info.update(data_path="data/train/episode_{episode_index:06d}.parquet"))
    made, dataset = convert(old)
    assert any("9 files were not where" in note for note in made.notes)
    assert barcodes(dataset, 2, TOP) == expected(2, LENGTHS[2])[LENGTHS[2] :]


def test_of_two_files_the_one_that_info_json_names_is_taken(old: Path) -> None:
    copy = old / "data/backup/episode_000001.parquet"
    copy.parent.mkdir()
    shutil.copy(data_file(old, 0), copy)
    assert convert(old)[1].episode(1).length == LENGTHS[1]


def test_a_version_3_over_files_of_version_2(old: Path) -> None:
    change_info(old, lambda info: info.update(codebase_version="v3.0"))
    assert convert(old)[0].episodes == 3


def test_splits_keep_their_episodes(old: Path) -> None:
    change_info(old, lambda info: info.update(splits={"train": "0:2", "val": "2:3"}))
    assert convert(old)[1].info["splits"] == {"train": "0:2", "val": "2:3"}
    data_file(old, 1).unlink()
    shutil.rmtree(old.parent / "new")
    assert convert(old, leave_out=True)[1].info["splits"] == {"train": "0:1", "val": "1:2"}


def test_a_second_table_of_episodes_is_named(old: Path) -> None:
    other = old / "meta/episodes/chunk-000/file-000.parquet"
    other.parent.mkdir(parents=True)
    pq.write_table(pa.table({"episode_index": [0]}), other)
    made, dataset = convert(old)
    assert "second table" in made.notes[0] and len(dataset.episodes) == 3


def test_a_video_that_is_longer_than_the_rows_is_cut(old: Path) -> None:
    write_video(old, 1, LENGTHS[1] + 3, 0)
    made, dataset = convert(old)
    assert "episode 1: a video is longer" in made.notes[0]
    assert barcodes(dataset, 1, FRONT) == expected(1, LENGTHS[1])[: LENGTHS[1]]
    assert barcodes(dataset, 2, FRONT) == expected(2, LENGTHS[2])[: LENGTHS[2]]


def test_videos_of_another_encoder_get_a_file_of_their_own(old: Path) -> None:
    """MPEG-4 part 2, as old recorders wrote it, stays as it is."""
    import av

    path = video_file(old, 1, FRONT)
    with av.open(str(path)) as source:
        frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    path.unlink()
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 8_000_000
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    _, dataset = convert(old)
    assert len({episode.videos[FRONT].path for episode in dataset.episodes}) == 3
    assert barcodes(dataset, 1, FRONT) == expected(1, LENGTHS[1])[: LENGTHS[1]]


def test_rows_that_are_not_numbers_are_kept_and_named(old: Path) -> None:
    change_rows(old, lambda rows: rows.append_column("force", pa.array([np.nan] + [1.0] * (rows.num_rows - 1))))
    made, dataset = convert(old)
    assert np.isnan(dataset.rows(1)["force"][0]) and "NaN" in made.notes[1]


def test_a_camera_without_any_video_is_left_out_but_not_all(old: Path) -> None:
    shutil.rmtree(old / f"videos/chunk-000/{TOP}")
    made, dataset = convert(old)
    assert dataset.camera_keys == [FRONT] and f"camera {TOP} has no video" in made.notes[0]
    shutil.rmtree(old / "videos")
    with pytest.raises(ConversionError, match="download its videos"):
        examine(old)


def test_an_episode_with_too_little_is_refused_by_number(old: Path) -> None:
    write_video(old, 0, 3, 0)
    video_file(old, 1, TOP).unlink()
    change_rows(old, lambda rows: rows)
    write_lines(old / "meta/tasks.jsonl", [{"task_index": 0, "task": TASKS[0]}])
    with pytest.raises(ConversionError) as refused:
        convert(old)
    assert "3 frames, and it has 5 rows" in refused.value.problems[0] and TOP in refused.value.problems[1]
    assert refused.value.problems.keys() == {0, 1} and not (old.parent / "new").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("episodes.jsonl", '{"episode_index": -1}', "line 1 has the number -1"),
        ("tasks.jsonl", '{"task_index": 0, "task": "a"}\nnot json', "line 2 is not valid JSON"),
        ("tasks.jsonl", '{"task_index": 0}', "line 1 has no text"),
        ("episodes_stats.jsonl", "[]", "line 1 is not an object"),
        ("info.json", '{"codebase_version": "v1.6"}', "v1.6"),
        ("info.json", '{"codebase_version": "v2.1", "features": {"a": 1}}', "'a' has no dtype"),
    ],
)
def test_damaged_tables_are_named_with_their_line(old: Path, name: str, text: str, said: str) -> None:
    (old / "meta" / name).write_text(text)
    with pytest.raises(DatasetError, match=said):
        convert(old)


def test_links_that_lead_out_are_refused(old: Path, tmp_path: Path) -> None:
    shutil.move(data_file(old, 1), tmp_path / "outside.parquet")
    data_file(old, 1).symlink_to(tmp_path / "outside.parquet")
    with pytest.raises(DatasetError, match="points outside"):
        convert(old)


def test_a_dataset_that_is_v3_already_is_refused(old: Path) -> None:
    _, dataset = convert(old)
    with pytest.raises(ConversionError, match="'v3.0'; only v1.x, v2.0 and v2.1"):
        examine(dataset.root)
    with pytest.raises(OldVersion, match="robotdata convert"):
        DatasetFolder.open(old)


def test_the_command_examines_refuses_and_converts(old: Path) -> None:
    said, new = io.StringIO(), old.parent / "made/new"
    call_command("convert", str(old), str(new), "--dry-run", stdout=said)
    assert "3 episodes with 16 frames would be converted" in said.getvalue() and not new.parent.exists()
    data_file(old, 1).unlink()
    with pytest.raises(CommandError, match="episode 1: it has no data file"):
        call_command("convert", str(old), str(new), stdout=said)
    call_command("convert", str(old), str(new), "--leave-out", stdout=said)
    assert "2 episodes, 9 frames" in said.getvalue() and "episode 1 was left out" in said.getvalue()
    assert [path.name for path in new.parent.iterdir() if not path.name.endswith(".lock")] == ["new"]
    with pytest.raises(CommandError, match="exists already"):
        call_command("convert", str(old), str(new))
