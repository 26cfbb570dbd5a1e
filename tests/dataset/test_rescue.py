"""A folder that cannot be opened becomes a dataset of what is whole; the folder stays as it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, EditError, verify_dataset
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.repair.rescue import examine_lost, rescue
from tests.dataset.conftest import CAMERAS, FRONT, LENGTHS, Bench, barcodes
from tests.dataset.conftest import expected as expected_marks

Spoil = Callable[[Path], None]


def work(six: Bench) -> Path:
    return six.places["work"]


def marks_of(dataset: DatasetFolder, index: int) -> list[tuple[int, int, int]]:
    return [code for key in CAMERAS for code in barcodes(dataset, index, key)]


def expected(number: int) -> list[tuple[int, int, int]]:
    return expected_marks(number, LENGTHS[number])


def cut_off(path: Path) -> None:
    """Its writer was killed: the end of the file is missing."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) * 2 // 3])


def info(**changes: Any) -> Spoil:
    def spoil(root: Path) -> None:
        value = json.loads((root / "meta/info.json").read_text())
        (root / "meta/info.json").unlink()
        kept = {name: each for name, each in {**value, **changes}.items() if each is not ...}
        (root / "meta/info.json").write_text(json.dumps(kept))

    return spoil


def no_table(root: Path) -> None:
    shutil.rmtree(root / "meta/episodes")


def all_meta(root: Path) -> None:
    shutil.rmtree(root / "meta")


def no_table_and_tasks(root: Path) -> None:
    no_table(root)
    (root / "meta/tasks.parquet").unlink()
    (root / "meta/stats.json").unlink()


def other_folder(root: Path) -> None:
    (root / "videos").rename(root / "video")
    info(video_path="videos/{video_key}/{nothing}.mp4")(root)


SPOILT: dict[str, tuple[set[str], Spoil]] = {
    "no info": ({"info"}, lambda root: (root / "meta/info.json").unlink()),
    "half an info": ({"info"}, lambda root: cut_off(root / "meta/info.json")),
    "no features": ({"info"}, info(features={})),
    "no rate": ({"info"}, info(fps=...)),
    "no version": ({"info"}, info(codebase_version=...)),
    "wrong templates": ({"info"}, info(data_path="data/{chunk}.parquet", video_path="../{video_key}")),
    "videos elsewhere": ({"info", "files"}, other_folder),
    "no table": ({"episodes"}, no_table),
    "table cut off": ({"episodes"}, lambda root: cut_off(next(root.glob("meta/episodes/*/*.parquet")))),
    "only rows and videos": ({"info", "episodes", "tasks"}, all_meta),
    "no tables, no statistics": ({"episodes", "tasks", "totals"}, no_table_and_tasks),
}


@pytest.mark.parametrize("name", SPOILT)
def test_everything_that_the_rows_and_videos_tell_comes_back(six: Bench, name: str) -> None:
    codes, spoil = SPOILT[name]
    whole = {n: six.open().rows(n) for n in range(6)}
    spoil(six.root)
    before = six.fingerprint()
    with pytest.raises(DatasetError):
        DatasetFolder.open(six.root)
    report = examine_lost(six.root, work(six))
    assert codes <= report.counts.keys(), report
    target = six.root.with_name("saved")
    result = rescue(six.root, target, work=work(six))
    assert [str(each) for each in result.report.findings] == [str(each) for each in report.findings]
    assert result.report.left == report.left
    assert six.fingerprint() == before, "the folder is only read"
    assert not list(work(six).iterdir())
    saved = DatasetFolder.open(target)
    assert (result.episodes, result.frames, saved.fps) == (6, sum(LENGTHS), 30) and not saved.problems
    assert not verify_dataset(target, deep=True).problems
    for n, rows in whole.items():
        again = saved.rows(n)
        assert all(np.array_equal(values, again[key]) for key, values in rows.items()), n
        assert marks_of(saved, n) == expected(n)
    if name in ("only rows and videos", "no tables, no statistics"):
        assert saved.tasks[0] == "task 0 (text lost)" and any("texts of" in text for text in report.left)
    else:
        assert report.left == [] or name in ("no info", "half an info", "no features")


def test_episodes_whose_rows_are_gone_are_named_and_the_others_kept(six: Bench) -> None:
    files = sorted(six.root.glob("data/*/*.parquet"))
    gone = [int(n) for n in np.unique(pq.read_table(files[1]).column("episode_index"))]
    cut_off(files[1])
    no_table(six.root)
    report = rescue(six.root, six.root.with_name("saved"), work=work(six)).report
    assert any("they are gone" in text for text in report.left), report.left
    saved = DatasetFolder.open(six.root.with_name("saved"))
    kept = [n for n in range(6) if n not in gone]
    assert [each.length for each in saved.episodes] == [LENGTHS[n] for n in kept]
    assert [marks_of(saved, n) for n in range(len(kept))] == [expected(n) for n in kept]
    problems = verify_dataset(six.root.with_name("saved")).problems
    assert all("frames" in each.what or "begins at frame" in each.what for each in problems), "videos keep lost frames"
    assert any("frames, and its" in text for text in report.left), "which is said"


def test_a_lost_data_file_takes_its_episodes_out_of_the_table_too(six: Bench) -> None:
    files = sorted(six.root.glob("data/*/*.parquet"))
    cut_off(files[0])
    (six.root / "meta/info.json").unlink()
    report = rescue(six.root, six.root.with_name("saved"), work=work(six)).report
    assert any("Record them again" in text for text in report.left), report.left
    saved = DatasetFolder.open(six.root.with_name("saved"))
    first = 6 - len(saved.episodes)
    assert 0 < first < 6 and marks_of(saved, 0) == expected(first)


def test_a_video_that_is_cut_off_is_said(six: Bench) -> None:
    no_table(six.root)
    cut_off(sorted(six.root.glob(f"videos/{FRONT}/*/*.mp4"))[0])
    assert any("is cut off" in text for text in examine_lost(six.root, work(six)).left)


def test_frames_that_nobody_can_assign_get_no_episode(six: Bench) -> None:
    no_table(six.root)
    sorted(six.root.glob(f"videos/{FRONT}/*/*.mp4"))[0].write_bytes(b"nothing")
    report = examine_lost(six.root, work(six))
    assert any("cannot be read" in text for text in report.left)
    assert any(FRONT in text and "nothing tells whose they are" in text for text in report.left)


def test_nothing_is_made_of_a_folder_without_rows(six: Bench) -> None:
    no_table(six.root)
    for path in six.root.glob("data/*/*.parquet"):
        cut_off(path)
    with pytest.raises(EditError, match="no data file whose rows can be read"):
        rescue(six.root, six.root.with_name("saved"), work=work(six))
    assert not six.root.with_name("saved").exists() and not list(work(six).iterdir())


def test_a_new_name_is_needed(six: Bench) -> None:
    all_meta(six.root)
    with pytest.raises(EditError, match="exists already"):
        rescue(six.root, six.root, work=work(six))


def old_copy(six: Bench) -> list[str]:
    """A copy of `data` in a folder whose name comes first, with another force; one file more than the dataset has."""
    old = Path(shutil.copytree(six.root / "data", six.root / "backup/data"))
    first = sorted(old.rglob("*.parquet"))[0]
    shutil.copy(first, first.with_name("file-077.parquet"))
    for path in old.rglob("*.parquet"):
        table = pq.read_table(path)
        at = table.column_names.index("observation.force")
        force = pa.array(np.full(table.num_rows, -999.0))
        pq.write_table(table.set_column(at, table.schema.field(at), force), path)
    return [path.name for path in old.rglob("*.parquet")]


def test_an_old_copy_inside_the_folder_is_not_taken_and_is_named(six: Bench) -> None:
    force = [six.open().rows(n)["observation.force"] for n in range(6)]
    names = old_copy(six)
    shutil.copytree(six.root / "videos", six.root / "backup/videos")
    all_meta(six.root)
    report = rescue(six.root, six.root.with_name("saved"), work=work(six)).report
    saved = DatasetFolder.open(six.root.with_name("saved"))
    assert len(saved.episodes) == 6
    assert all(np.array_equal(saved.rows(n)["observation.force"], force[n]) for n in range(6))
    assert [marks_of(saved, n) for n in range(6)] == [expected(n) for n in range(6)]
    told = " ".join(text for text in report.left if text.startswith("backup/") and "not used" in text)
    assert all(name in told for name in names) and f"backup/videos/{FRONT}" in told, report.left


def test_an_old_copy_does_not_stand_in_for_a_damaged_data_file(six: Bench) -> None:
    old_copy(six)
    cut_off(sorted(six.root.glob("data/*/*.parquet"))[0])
    (six.root / "meta/info.json").unlink()
    rescue(six.root, six.root.with_name("saved"), work=work(six))
    saved = DatasetFolder.open(six.root.with_name("saved"))
    assert 0 < len(saved.episodes) < 6
    assert all((saved.rows(n)["observation.force"] > -999).all() for n in range(len(saved.episodes)))
    for path in six.root.glob("data/*/*.parquet"):
        path.write_bytes(b"nothing")
    with pytest.raises(EditError, match=r"backup/data/chunk-000: file-000\.parquet.*not used"):
        rescue(six.root, six.root.with_name("again"), work=work(six))


def first_entries(six: Bench, count: int, **changes: list[int]) -> None:
    """Leave the first `count` entries of the table of episodes, with other values in some columns."""
    files = sorted(six.root.glob("meta/episodes/*/*.parquet"))
    table = pa.concat_tables([pq.read_table(path) for path in files], promote_options="default").slice(0, count)
    for name, values in changes.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.int64()))
    for path in files:
        path.unlink()
    pq.write_table(table, files[0])
    (six.root / "meta/info.json").unlink()


@pytest.mark.parametrize("count", (1, 3, 4, 5))
def test_episodes_that_the_table_lacks_are_made_of_the_rows(six: Bench, count: int) -> None:
    before = six.open()
    first_entries(six, count)
    result = rescue(six.root, six.root.with_name("saved"), work=work(six))
    assert (result.episodes, result.frames) == (6, sum(LENGTHS))
    assert any("made of the rows" in str(each) and "others are kept" in str(each) for each in result.report.findings)
    saved = DatasetFolder.open(six.root.with_name("saved"))
    assert [marks_of(saved, n) for n in range(6)] == [expected(n) for n in range(6)]
    assert [each.tasks for each in saved.episodes] == [each.tasks for each in before.episodes]
    assert not verify_dataset(six.root.with_name("saved")).problems


def test_the_rows_say_how_long_an_episode_is_and_its_entry_stays(six: Bench) -> None:
    uuids = [each.extra["uuid"] for each in six.open().episodes]
    first_entries(six, 6, length=[LENGTHS[0] - 1, *LENGTHS[1:]])
    result = rescue(six.root, six.root.with_name("saved"), work=work(six))
    saved = DatasetFolder.open(six.root.with_name("saved"))
    assert [each.length for each in saved.episodes] == list(LENGTHS)
    assert [each.extra["uuid"] for each in saved.episodes] == uuids
    assert any("another length" in str(each) and "(episode 0)" in str(each) for each in result.report.findings)
    assert [marks_of(saved, n) for n in range(6)] == [expected(n) for n in range(6)]


def test_entries_without_rows_are_named(six: Bench) -> None:
    first_entries(six, 6, episode_index=[0, 1, 2, 3, 4, 7], length=[*LENGTHS[:5], LENGTHS[5] + 9])
    report = rescue(six.root, six.root.with_name("saved"), work=work(six)).report
    assert any("rows are gone: episode 7." in text for text in report.left), report.left
    saved = DatasetFolder.open(six.root.with_name("saved"))
    assert [marks_of(saved, n) for n in range(6)] == [expected(n) for n in range(6)]


@pytest.mark.parametrize("number", (7, 3 * 10**15))
def test_lost_tasks_take_no_more_room_than_there_are_whatever_their_numbers(six: Bench, number: int) -> None:
    path = sorted(six.root.glob("data/*/*.parquet"))[0]
    table = pq.read_table(path)
    numbers = pa.array(np.full(table.num_rows, number, np.int64))
    pq.write_table(table.set_column(table.column_names.index("task_index"), "task_index", numbers), path)
    no_table_and_tasks(six.root)
    rescue(six.root, six.root.with_name("saved"), work=work(six))
    saved = DatasetFolder.open(six.root.with_name("saved"))
    lost = f"task {number} (text lost)"
    assert saved.tasks == ["task 0 (text lost)", "task 1 (text lost)", lost] and not saved.problems
    assert saved.episode(0).tasks == [lost] and set(saved.rows(0)["task_index"]) == {2}
    assert not verify_dataset(six.root.with_name("saved")).problems


def test_large_files_of_other_programs_are_linked_and_a_report_leaves_all_alone(
    six: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (six.root / "logs").mkdir()
    (six.root / "logs/run.bag").write_bytes(bytes(2 << 20))
    (six.root / "meta/modality.json").write_text("{}")
    no_table(six.root)
    seen: list[str] = []
    for name in ("copyfile", "copy2"):
        real = getattr(shutil, name)
        monkeypatch.setattr(shutil, name, lambda a, b, real=real: (seen.append(Path(a).name), real(a, b))[1])
    link = os.link
    monkeypatch.setattr(os, "link", lambda a, b: (seen.append(Path(a).name), link(a, b))[1])
    examine_lost(six.root, work(six))
    assert "run.bag" not in seen and "modality.json" not in seen
    rescue(six.root, six.root.with_name("saved"), work=work(six))
    assert (six.root.with_name("saved") / "logs/run.bag").samefile(six.root / "logs/run.bag")
    small = six.root.with_name("saved") / "meta/modality.json"
    assert small.read_text() == "{}" and not small.samefile(six.root / "meta/modality.json"), "people edit it in place"


def test_a_link_that_leads_out_is_refused_before_anything_is_promised(six: Bench) -> None:
    no_table(six.root)
    (six.root / "latest").symlink_to("/etc/hostname")
    with pytest.raises(DatasetError, match="'latest' points outside"):
        examine_lost(six.root, work(six))


WRONG: dict[str, tuple[str, Any, Any]] = {
    "no number": ("chunks_size", float("nan"), 1000),
    "infinite": ("chunks_size", float("inf"), 1000),
    "part of a file": ("chunks_size", 2.5, 1000),
    "text": ("chunks_size", "1000", 1000),
    "no size": ("data_files_size_in_mb", float("nan"), 100),
    "no room": ("video_files_size_in_mb", 1e-9, 200),
    "endless": ("video_files_size_in_mb", 10**400, 200),
    "robot": ("robot_type", 5, None),
    "splits": ("splits", 5, {"train": "0:6"}),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_of_info_that_nothing_can_use_is_replaced_and_named(six: Bench, name: str) -> None:
    key, wrong, right = WRONG[name]
    info(fps=..., **{key: wrong})(six.root)
    report = rescue(six.root, six.root.with_name("saved"), work=work(six)).report
    assert any(f"{key} {str(wrong)[:20]}" in str(each).replace("'", "") for each in report.findings), report.findings
    assert json.loads((six.root.with_name("saved") / "meta/info.json").read_text())[key] == right
