"""Copy, move, split, merge and duplicate: every frame, row and word arrives, and nothing is encoded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, EditError, NoSuchEpisode, verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.edit import edit_episodes
from robotdata.dataset.write.fit import CannotJoin, Names
from robotdata.dataset.write.transfer import (
    How,
    Where,
    copy_episodes,
    duplicate,
    merge,
    move_episodes,
    shares,
    split,
)
from tests.dataset.conftest import CAMERAS, FRONT, LENGTHS, TOP, Bench, barcodes, columns, expected, packets
from tests.support.odd_columns import with_odd_columns


def where(root: Path) -> Where:
    return Where(root.parent / ".work", root.parent / ".revisions" / root.name)


def shown(root: Path) -> list[list[tuple[int, int, int]]]:
    dataset = DatasetFolder.open(root)
    return [[code for key in CAMERAS for code in barcodes(dataset, e.index, key)] for e in dataset.episodes]


def assert_sound(root: Path, numbers: list[int]) -> None:
    """`root` holds these episodes of the bench, each with its own frames, rows and task, and nothing is wrong."""
    assert shown(root) == [expected(n, LENGTHS[n]) for n in numbers]
    report = verify_dataset(root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    dataset = DatasetFolder.open(root)
    for index, n in enumerate(numbers):
        rows = dataset.rows(index)
        for name, values in columns(LENGTHS[n], n).items():
            assert np.array_equal(rows[name], values)
        assert dataset.episodes[index].tasks == [f"task {n % 2}"]
        assert {dataset.tasks[number] for number in rows["task_index"]} == {f"task {n % 2}"}
        assert dataset.episodes[index].extra["verdict"] == "keep"


@pytest.mark.parametrize("chosen", [[0], [5], [1, 2, 4], [4, 1], [0, 1, 2, 3, 4, 5]])
def test_a_copy_is_a_dataset_of_its_own(six: Bench, chosen: list[int]) -> None:
    before = six.fingerprint()
    dest = six.root.with_name("copy")
    result = copy_episodes(six.root, chosen, dest, where(dest))
    assert (result.episodes, result.added, result.first_index, result.revision) == (len(chosen), len(chosen), 0, 1)
    assert_sound(dest, sorted(chosen))
    assert six.fingerprint() == before
    assert packets(dest) <= packets(six.root)
    assert list((six.root.parent / ".work").iterdir()) == []


def test_a_copy_has_its_own_uuid_and_remembers_its_origin(six: Bench) -> None:
    dest = six.root.with_name("copy")
    copy_episodes(six.root, [3, 4], dest, where(dest))
    ours, theirs = DatasetFolder.open(dest).episodes, six.open().episodes
    assert {e.uuid for e in ours}.isdisjoint({e.uuid for e in theirs})
    assert [e.extra["origin"] for e in ours] == [
        {"dataset": "cubes", "episode": n, "uuid": theirs[n].uuid} for n in (3, 4)
    ]


def test_what_other_programs_write_in_place_is_not_shared_with_the_source(six: Bench) -> None:
    dest = six.root.with_name("copy")
    duplicate(six.root, dest, where(dest))
    before = six.fingerprint()
    for path in [p for p in dest.rglob("*") if p.is_file() and p.suffix != ".mp4"]:
        path.write_bytes(b"overwritten in place")
    assert six.fingerprint() == before


def test_a_duplicate_takes_no_room_for_its_videos(six: Bench) -> None:
    dest = six.root.with_name("copy")
    duplicate(six.root, dest, where(dest))
    assert_sound(dest, list(range(6)))
    inodes = {p.stat().st_ino for p in six.root.rglob("*.mp4")}
    assert {p.stat().st_ino for p in dest.rglob("*.mp4")} == inodes


def test_episodes_are_added_to_a_dataset_that_has_some(six: Bench, new: Any) -> None:
    other = Bench(six.home / "other")
    other.commit([new(9, 5, "task 1"), new(8, 4, "another task")])
    result = copy_episodes(six.root, [0, 1, 5], other.root, Where(**other.places))
    assert (result.first_index, result.added, result.episodes, result.revision) == (2, 3, 5, 2)
    assert other.shown() == [expected(9, 5), expected(8, 4), *(expected(n, LENGTHS[n]) for n in (0, 1, 5))]
    report = verify_dataset(other.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    dataset = other.open()
    assert dataset.tasks == ["task 1", "another task", "task 0"]
    assert [e.tasks for e in dataset.episodes[2:]] == [["task 0"], ["task 1"], ["task 1"]]
    for index, n in ((2, 0), (3, 1), (4, 5)):
        assert np.array_equal(dataset.rows(index)["action"], columns(LENGTHS[n], n)["action"])
    other.commit([new(7, 3, "task 0")])  # and it can still be recorded into
    assert verify_dataset(other.root, deep=True).problems == []


def test_a_move_keeps_the_uuid_and_takes_the_episode_away(six: Bench, new: Any) -> None:
    other = Bench(six.home / "other")
    other.commit([new(9, 5)])
    uuids = [e.uuid for e in six.open().episodes]
    move_episodes(six.root, [1, 3], other.root, Where(**six.places), Where(**other.places))
    assert_sound(six.root, [0, 2, 4, 5])
    assert other.shown()[1:] == [expected(n, LENGTHS[n]) for n in (1, 3)]
    assert [e.uuid for e in other.open().episodes[1:]] == [uuids[1], uuids[3]]
    assert verify_dataset(other.root, deep=True).problems == []


def test_a_move_that_was_killed_between_its_two_halves_is_completed(six: Bench, new: Any) -> None:
    other = Bench(six.home / "other")
    other.commit([new(9, 5)])
    copy_episodes(six.root, [1, 3], other.root, Where(**other.places), keep_uuids=True)
    move_episodes(six.root, [1, 3], other.root, Where(**six.places), Where(**other.places))
    assert [len(b.open().episodes) for b in (six, other)] == [4, 3]


def test_a_killed_move_is_completed_though_the_copies_got_new_uuids(six: Bench, new: Any) -> None:
    other = Bench(six.home / "other")
    other.commit([new(9, 5)])
    copy_episodes(six.root, [1, 3], other.root, Where(**other.places), keep_uuids=True)
    path = other.root / SIDECAR
    sidecar = json.loads(path.read_text())
    for number in (1, 2):
        sidecar["episodes"][number]["uuid"] = f"11111111-0000-0000-0000-00000000000{number}"
    path.write_text(json.dumps(sidecar))
    move_episodes(six.root, [1, 3], other.root, Where(**six.places), Where(**other.places))
    assert_sound(six.root, [0, 2, 4, 5])
    assert other.shown()[1:] == [expected(n, LENGTHS[n]) for n in (1, 3)]


def test_a_killed_move_is_not_completed_if_the_copy_was_trimmed(six: Bench, new: Any) -> None:
    other = Bench(six.home / "other")
    other.commit([new(9, 5)])
    copy_episodes(six.root, [1], other.root, Where(**other.places), keep_uuids=True)
    edit_episodes(other.root, trims={1: (0, 4)}, **other.places)
    with pytest.raises(EditError, match="already, but of another length"):
        move_episodes(six.root, [1], other.root, Where(**six.places), Where(**other.places))
    assert_sound(six.root, [0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize("numbers", [[], [1, 1]])
def test_a_move_names_each_episode_once(six: Bench, numbers: list[int]) -> None:
    dest = six.root.with_name("dest")
    with pytest.raises(EditError, match="list each episode once, and at least one"):
        move_episodes(six.root, numbers, dest, Where(**six.places), where(dest))
    assert not dest.exists() and len(six.open().episodes) == 6


@pytest.mark.parametrize("exists", [False, True])
def test_a_move_copies_nothing_if_the_source_cannot_be_changed(six: Bench, new: Any, exists: bool) -> None:
    other = Bench(six.home / "other")
    if exists:
        other.commit([new(9, 5)])
    before = other.fingerprint() if exists else None
    first, last = six.open().episodes[0].data_file, six.open().episodes[5].data_file
    assert last is not None and first != last
    last.unlink()
    with pytest.raises(EditError):
        move_episodes(six.root, [0], other.root, Where(**six.places), Where(**other.places))
    assert (other.fingerprint() if exists else None) == before
    assert other.root.exists() == exists
    assert len(six.open().episodes) == 6


def test_parts_of_a_split_hold_each_episode_once(six: Bench) -> None:
    lists = shares(6, {"train": 0.67, "val": 0.33})
    assert lists == {"train": [0, 1, 2, 3], "val": [4, 5]}
    dests = {six.root.with_name(name): numbers for name, numbers in lists.items()}
    results = split(six.root, dests, {dest: where(dest) for dest in dests})
    assert [r.episodes for r in results] == [4, 2]
    for dest, numbers in dests.items():
        assert_sound(dest, numbers)


def test_no_part_is_made_if_one_cannot_be(six: Bench) -> None:
    first, second = six.root.with_name("first"), six.root.with_name("second")
    second.mkdir()
    (second / "something").write_text("else")
    with pytest.raises(EditError, match="exists already"):
        split(six.root, {first: [0], second: [1]}, {first: where(first), second: where(second)})
    assert not first.exists()
    third = six.root.with_name("third")
    with pytest.raises(NoSuchEpisode):
        split(six.root, {first: [0], third: [9]}, {first: where(first), third: where(third)})
    assert not first.exists()


def test_a_merge_holds_all_episodes_in_order(six: Bench, new: Any) -> None:
    parts = [six.root.with_name(name) for name in ("a", "b", "c")]
    for part, numbers in zip(parts, ([4, 5], [0], [1, 2, 3]), strict=True):
        copy_episodes(six.root, numbers, part, where(part))
    dest = six.root.with_name("whole")
    result = merge(parts, dest, where(dest))
    assert (result.episodes, result.revision) == (6, 1)
    assert_sound(dest, [4, 5, 0, 1, 2, 3])
    assert packets(dest) == packets(six.root)
    made = json.loads((dest / "meta/robotdata.json").read_text())["made_by"]
    assert (made["what"], made["copied"]) == ("merged", 6)


def test_names_are_mapped_and_joints_are_put_in_order(six: Bench) -> None:
    other = six.root.with_name("other")
    duplicate(six.root, other, where(other))
    rename(other, {FRONT: "observation.images.wrist"}, [f"j{n}" for n in (3, 0, 1, 2, 4, 5)])
    dest = six.root.with_name("whole")
    with pytest.raises(CannotJoin) as caught:
        merge([six.root, other], dest, where(dest))
    assert {d.what for d in caught.value.differences} == {FRONT, "observation.images.wrist", "action names"}
    assert not dest.exists()
    names = Names(
        {"observation.images.wrist": FRONT}, {f"j{n}": f"joint_{n}.pos" for n in range(6)}, {"task 0": "another"}
    )
    merge([six.root, other], dest, where(dest), names=names)
    report = verify_dataset(dest, deep=True)
    assert (report.problems, report.notes) == ([], [])
    dataset = DatasetFolder.open(dest)
    assert dataset.tasks == ["task 0", "task 1", "another"]
    theirs = columns(LENGTHS[1], 1)["action"]
    assert np.array_equal(dataset.rows(7)["action"], theirs[:, [1, 2, 3, 0, 4, 5]])
    assert dataset.episodes[6].tasks == ["another"]
    assert barcodes(dataset, 7, FRONT) == [(1, 0, tick) for tick in range(LENGTHS[1])]


def rename(root: Path, keys: dict[str, str], joints: list[str]) -> None:
    """Give features and joints of a dataset other names, as if another rig had recorded it."""
    info = json.loads((root / "meta/info.json").read_text())
    info["features"] = {keys.get(k, k): f for k, f in info["features"].items()}
    info["features"]["action"]["names"] = joints
    (root / "meta/info.json").write_text(json.dumps(info))
    for old, name in keys.items():
        (root / "videos" / old).rename(root / "videos" / name)
        path = next((root / "meta/episodes").rglob("*.parquet"))
        table = pq.read_table(path)
        pq.write_table(table.rename_columns([n.replace(f"/{old}/", f"/{name}/") for n in table.column_names]), path)


def test_what_differs_is_told_in_a_table(six: Bench, new: Any) -> None:
    other = six.root.with_name("other")
    duplicate(six.root, other, where(other))
    info = json.loads((other / "meta/info.json").read_text())
    info["fps"] = 25
    info["features"][TOP]["shape"] = [48, 64, 3]
    info["features"]["observation.force"]["dtype"] = "float32"
    (other / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(CannotJoin) as caught:
        copy_episodes(other, [0], six.root, Where(**six.places))
    told = {(d.what, d.rig, d.dataset) for d in caught.value.differences}
    assert told == {
        ("fps", "25", "30"),
        (f"{TOP} shape", "[48, 64, 3]", "[64, 272, 3]"),
        ("observation.force dtype", "float32", "float64"),
    }
    assert six.open().revision == 3


@pytest.mark.parametrize("wrong", [[6], [-1], [True], [], [1, 1]])
def test_what_makes_no_sense_changes_nothing(six: Bench, wrong: list[Any]) -> None:
    dest = six.root.with_name("copy")
    with pytest.raises((NoSuchEpisode, EditError)):
        copy_episodes(six.root, wrong, dest, where(dest))
    with pytest.raises(EditError):
        copy_episodes(six.root, [0], six.root, Where(**six.places))
    assert not dest.exists()


def test_an_edited_copy_leaves_the_source_alone(six: Bench) -> None:
    dest = six.root.with_name("copy")
    duplicate(six.root, dest, where(dest))
    before = six.fingerprint()
    edit_episodes(dest, delete=[0], tasks={1: "other"}, work=where(dest).work, revisions=where(dest).revisions)
    assert six.fingerprint() == before


def test_a_cancelled_copy_leaves_nothing(six: Bench) -> None:
    dest = six.root.with_name("copy")

    def stop(done: int, total: int) -> None:
        assert done <= total
        if done == total - 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_episodes(six.root, [1], dest, where(dest), how=How(progress=stop))
    assert not dest.exists()
    assert list((six.root.parent / ".work").iterdir()) == []


@pytest.mark.parametrize("name", ["v30_g1_inspire", "v30_rgbd_realsense"])
def test_datasets_of_lerobot_are_split_and_merged_again(testdata: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / "datasets" / "source"
    shutil.copytree(testdata / name, source)
    before = DatasetFolder.open(source)
    count = len(before.episodes)
    a, b, whole = (source.with_name(n) for n in "abw")
    split(source, {a: [0], b: list(range(1, count))}, {a: where(a), b: where(b)})
    merge([a, b], whole, where(whole))
    after = DatasetFolder.open(whole)
    assert [e.length for e in after.episodes] == [e.length for e in before.episodes]
    for n in range(count):
        old, now = before.rows(n), after.rows(n)
        assert old.keys() == now.keys()
        for key in old.keys() - {"task_index"}:
            assert np.array_equal(old[key], now[key]), key
    assert packets_of(whole) == packets_of(source)
    assert verify_dataset(whole).problems == verify_dataset(source).problems


def packets_of(root: Path) -> set[bytes]:
    import av

    found = set()
    for path in root.rglob("*.mp4"):
        with av.open(str(path)) as container:
            found |= {bytes(packet) for packet in container.demux(video=0) if packet.size}
    return found


def test_columns_of_every_kind_go_through(six: Bench) -> None:
    with_odd_columns(six.root)
    part, rest, whole = (six.root.with_name(name) for name in ("part", "rest", "whole"))
    split(six.root, {part: [1, 4], rest: [0, 2, 3, 5]}, {part: where(part), rest: where(rest)})
    merge([part, rest], whole, where(whole))
    rows = pa.concat_tables([pq.read_table(path) for path in sorted(whole.glob("data/*/*.parquet"))]).to_pylist()
    starts = np.cumsum([0, *LENGTHS])
    old = [int(starts[n]) + tick for n in (1, 4, 0, 2, 3, 5) for tick in range(LENGTHS[n])]
    assert [row["index"] for row in rows] == list(range(sum(LENGTHS)))
    for row, n in zip(rows, old, strict=True):
        assert row["observation.grid"] == [[n, 1, 2], [3, 4, 5]]
        assert row["language_persistent"][0]["content"] == f"say {n}"
        assert row["somebodys.column"] == f"row {n}"
    episodes = pq.read_table(next((whole / "meta/episodes").rglob("*.parquet")))
    assert episodes.column("mood").to_pylist() == [f"mood {n}" for n in (1, 4, 0, 2, 3, 5)]
    assert shown(whole) == [expected(n, LENGTHS[n]) for n in (1, 4, 0, 2, 3, 5)]


def test_a_column_that_one_of_them_lacks_is_a_difference(six: Bench) -> None:
    other = six.root.with_name("other")
    duplicate(six.root, other, where(other))
    with_odd_columns(other)
    names = Names({"observation.grid": None, "language_persistent": None})
    with pytest.raises(CannotJoin, match=r"column somebodys\.column: a column there, missing here"):
        copy_episodes(other, [0], six.root, Where(**six.places), names=names)
