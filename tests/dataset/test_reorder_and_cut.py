"""Re-order and cut: every kept frame stays bit for bit, and rows, tasks, labels and splits go with their episode."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import EditError, NoSuchEpisode, verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.cut import cut_out, preview_cut
from robotdata.dataset.write.edit import revert
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.dataset.write.reorder import order_by, preview_reorder, reorder_episodes
from robotdata.dataset.write.transfer import Where
from robotdata.spool.language import Language, Remark, Subtask
from tests.dataset.conftest import CAMERAS, FRONT, H264, LENGTHS, Bench, columns, expected, packets

ORDER = [4, 0, 5, 3, 1, 2]
EVERY_SECOND = replace(H264, g=2)


def assert_sound(six: Bench) -> None:
    report = verify_dataset(six.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    assert list(six.places["work"].iterdir()) == []


def change_sidecar(six: Bench, change: Any) -> None:
    value = json.loads((six.root / SIDECAR).read_text())
    change(value["episodes"])
    (six.root / SIDECAR).write_text(json.dumps(value))


def change_info(six: Bench, **fields: Any) -> None:
    path = six.root / "meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("order", [ORDER, [5, 4, 3, 2, 1, 0], [1, 0, 2, 3, 4, 5]])
def test_episodes_change_places_with_all_that_is_theirs(six: Bench, order: list[int]) -> None:
    before, uuids = packets(six.root), [e.uuid for e in six.open().episodes]
    result = reorder_episodes(six.root, order, Where(**six.places))
    assert (result.episodes, result.frames, result.revision) == (6, sum(LENGTHS), 4)
    assert_sound(six)
    assert six.shown() == [expected(n, LENGTHS[n]) for n in order]
    assert packets(six.root) == before
    dataset = six.open()
    assert dataset.tasks == ["task 0", "task 1"]
    for index, n in enumerate(order):
        rows, episode = dataset.rows(index), dataset.episodes[index]
        for name, values in columns(LENGTHS[n], n).items():
            assert np.array_equal(rows[name], values)
        assert (episode.uuid, episode.tasks, episode.extra["verdict"]) == (uuids[n], [f"task {n % 2}"], "keep")
        assert rows["index"].tolist() == list(range(episode.from_index, episode.from_index + LENGTHS[n]))


def test_the_way_back_restores_the_old_order(six: Bench) -> None:
    shown = six.shown()
    reorder_episodes(six.root, ORDER, Where(**six.places))
    revert(six.root, 3, **six.places)
    assert six.shown() == shown


def test_splits_keep_their_episodes(six: Bench) -> None:
    change_info(six, splits={"train": "0:4", "val": "4:6"})
    reorder_episodes(six.root, ORDER, Where(**six.places))
    assert six.open().info["splits"] == {"train": "1:2,3:6", "val": "0:1,2:3"}


def test_columns_that_nobody_knows_change_places_too(six: Bench) -> None:
    for path in (six.root / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        numbers = table.column("episode_index").to_pylist()
        pq.write_table(table.append_column("odd", pa.array([f"of {n}" for n in numbers])), path)
    reorder_episodes(six.root, ORDER, Where(**six.places))
    rows = pa.concat_tables(pq.read_table(path) for path in sorted((six.root / "data").rglob("*.parquet")))
    assert rows.column("odd").to_pylist() == [f"of {n}" for n in ORDER for _ in range(LENGTHS[n])]


def test_orders_have_names(six: Bench) -> None:
    base = six.open()
    assert order_by(base, "task") == [0, 2, 4, 1, 3, 5]
    assert order_by(base, "length") == [4, 2, 0, 3, 1, 5]
    with pytest.raises(EditError, match="recorded"):
        order_by(base, "recorded")
    days = [3, 1, 2, 6, 5, 4]
    change_sidecar(
        six, lambda entries: [e.update(recorded_at=f"2026-01-0{d}") for e, d in zip(entries, days, strict=True)]
    )
    assert order_by(six.open(), "recorded") == [1, 2, 0, 5, 4, 3]


@pytest.mark.parametrize(
    ("order", "error"),
    [([0, 1, 2, 3, 4], EditError), ([0, 0, 1, 2, 3, 4, 5], EditError), ([0, 1, 2, 3, 4, 6], NoSuchEpisode)],
)
def test_an_order_names_each_episode_once(six: Bench, order: list[int], error: type[Exception]) -> None:
    before = six.fingerprint()
    with pytest.raises(error):
        reorder_episodes(six.root, order, Where(**six.places))
    assert six.fingerprint() == before


def test_the_present_order_is_no_change(six: Bench) -> None:
    with pytest.raises(EditError, match="already"):
        reorder_episodes(six.root, range(6), Where(**six.places))
    assert six.open().revision == 3
    assert preview_reorder(six.open(), ORDER).episodes == 6


@pytest.fixture
def keyed(bench: Bench, new: Any) -> Bench:
    """Three episodes of 9, 12 and 5 frames, a keyframe at every second."""
    for number, length in enumerate((9, 12, 5)):
        bench.commit([new(number, length, f"task {number}", EVERY_SECOND)])
    return bench


def test_a_cut_makes_two_episodes(keyed: Bench) -> None:
    before, first = packets(keyed.root), keyed.open().episodes[1]
    marks = [{"code": "freeze", "from_tick": 1, "to_tick": 3}, {"code": "freeze", "from_tick": 9, "to_tick": 10}]
    change_sidecar(keyed, lambda entries: entries[1].update(labels=["good"], marks=marks))
    preview = preview_cut(keyed.open(), {1: (4, 8)})
    assert (preview.episodes, preview.frames, preview.encoded_frames) == (4, 22, 0)
    result = cut_out(keyed.root, {1: (4, 8)}, Where(**keyed.places))
    assert (result.episodes, result.frames, result.revision) == (4, 22, 4)
    assert_sound(keyed)
    own = [(1, camera, tick) for camera in range(2) for tick in range(4)]
    behind = [(1, camera, tick) for camera in range(2) for tick in range(8, 12)]
    assert keyed.shown() == [expected(0, 9), own, behind, expected(2, 5)]
    assert packets(keyed.root) <= before
    dataset = keyed.open()
    one, two = dataset.episodes[1:3]
    assert one.uuid == first.uuid and two.uuid not in {None, first.uuid}
    assert two.extra["origin"] == {"dataset": "cubes", "episode": 1, "uuid": first.uuid, "frames": [8, 12]}
    assert one.extra["labels"] == two.extra["labels"] == ["good"]
    assert [(m["from_tick"], m["to_tick"]) for e in (one, two) for m in e.extra["marks"]] == [(1, 3), (1, 2)]
    assert [e.tasks for e in dataset.episodes] == [["task 0"], ["task 1"], ["task 1"], ["task 2"]]
    assert np.array_equal(dataset.rows(2)["action"], columns(12, 1)["action"][8:])
    assert dataset.rows(2)["frame_index"].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(dataset.rows(2)["timestamp"], np.arange(4) / 30, atol=1e-6)
    keyed.commit([])  # and it opens for more
    cut_out(keyed.root, {0: (2, 4), 3: (2, 4)}, Where(**keyed.places))
    assert_sound(keyed)
    assert [e.length for e in keyed.open().episodes] == [2, 5, 4, 4, 2, 1]


def test_a_cut_behind_no_keyframe_keeps_a_frame_more_and_says_so(keyed: Bench) -> None:
    preview = preview_cut(keyed.open(), {1: (3, 7)})
    assert preview.frames == 23 and "Frames 3 to 5 are cut out: 1 fewer" in preview.notes[0]
    cut_out(keyed.root, {1: (3, 7)}, Where(**keyed.places))
    assert_sound(keyed)
    assert [e.length for e in keyed.open().episodes] == [9, 3, 6, 5]


def test_a_cut_without_a_keyframe_is_refused(bench: Bench, new: Any) -> None:
    bench.commit([new(0, 12, "push", replace(H264, g=30))])
    before = bench.fingerprint()
    with pytest.raises(EditError, match="no keyframe"):
        cut_out(bench.root, {0: (2, 8)}, Where(**bench.places))
    assert bench.fingerprint() == before


@pytest.mark.parametrize("cut", [(0, 4), (4, 12), (5, 5), (6, 4), (3, 99)])
def test_a_cut_lies_inside_its_episode(keyed: Bench, cut: tuple[int, int]) -> None:
    with pytest.raises(EditError, match="trim"):
        cut_out(keyed.root, {1: cut}, Where(**keyed.places))


def test_both_parts_stay_in_the_split_of_their_episode(keyed: Bench) -> None:
    change_info(keyed, splits={"train": "0:1,2:3", "val": "1:2"})
    cut_out(keyed.root, {1: (4, 8)}, Where(**keyed.places))
    assert keyed.open().info["splits"] == {"train": "0:1,3:4", "val": "1:3"}


def test_other_files_stay_as_they_are(keyed: Bench, new: Any) -> None:
    keyed.commit([new(3, 6, "task 0", EVERY_SECOND)], video_files_size_in_mb=0.001)
    before = {path.stat().st_ino for path in keyed.root.glob(f"videos/{FRONT}/*/*.mp4")}
    cut_out(keyed.root, {0: (2, 4)}, Where(**keyed.places))
    after = {path.stat().st_ino for path in keyed.root.glob(f"videos/{FRONT}/*/*.mp4")}
    assert len(CAMERAS) == 2 and len(before & after) == len(before) - 1


def test_subtasks_stay_with_the_frames_of_both_parts(keyed: Bench) -> None:
    said = Language((Subtask(1, 3, "reach"), Subtask(3, 10, "lift")), (Remark(9, "slower"),))
    change_features(keyed.root, FeatureChange(language={"1": said.as_json()}), **keyed.places)
    cut_out(keyed.root, {1: (4, 8)}, Where(**keyed.places))
    parts = [keyed.open().language(number).language for number in (1, 2)]
    assert parts == [said.within(0, 4), said.within(8, 12)] and parts[1].remarks == (Remark(1, "slower"),)
