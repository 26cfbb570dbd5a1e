"""Delete, relabel and trim in one pass: what is left is checked frame by frame and row by row."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import EditError, NoSuchEpisode, verify_dataset
from robotdata.dataset.stats import ImageStats, numeric_stats, sample_indices
from robotdata.dataset.write.edit import edit_episodes, revert, trim_episodes
from robotdata.video.codecs import EncodeSettings
from robotdata.video.decode import open_video
from robotdata.video.index import index_video
from tests.dataset.conftest import CAMERAS, FPS, FRONT, LENGTHS, TOP, Bench, columns
from tests.support.sweeps import at_most

Kept = tuple[int, range, str]
"""Which of the six it was, its frames, its task."""
ALL: list[Kept] = [(n, range(length), f"task {n % 2}") for n, length in enumerate(LENGTHS)]


def check(bench: Bench, kept: list[Kept]) -> None:
    """The dataset is exactly `kept`, in this order, and nobody finds a fault in it."""
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    assert bench.shown() == [[(n, camera, tick) for camera in range(2) for tick in frames] for n, frames, _ in kept]
    dataset = bench.open()
    row = 0
    for index, (n, frames, task) in enumerate(kept):
        rows, episode = dataset.rows(index), dataset.episodes[index]
        for name, values in columns(LENGTHS[n], n).items():
            assert np.array_equal(rows[name], values[frames.start : frames.stop]), (n, name)
        count = len(frames)
        assert rows["timestamp"].tolist() == (np.arange(count) / FPS).astype(np.float32).tolist()
        assert rows["frame_index"].tolist() == list(range(count))
        assert rows["index"].tolist() == list(range(row, row + count))
        assert rows["episode_index"].tolist() == [index] * count
        assert {dataset.tasks[number] for number in rows["task_index"]} == {task}
        assert (episode.tasks, episode.extra["length"], episode.uuid) == (
            [task],
            count,
            f"{0:08}-0000-0000-0000-{n:012}",
        )
        row += count
    assert dataset.total_frames == dataset.info["total_frames"] == row
    assert sorted(dataset.tasks) == sorted({task for _, _, task in kept})


def test_it_keeps_a_part_of_an_episode(six: Bench) -> None:
    result = trim_episodes(six.root, {1: (2, 6)}, **six.places)
    assert (result.trimmed, result.frames) == ({1: (2, 6)}, sum(LENGTHS) - 3)
    check(six, [(n, range(2, 6) if n == 1 else frames, task) for n, frames, task in ALL])


def test_it_begins_at_the_keyframe_before_and_says_so(six: Bench) -> None:
    """Every second frame is one."""
    result = trim_episodes(six.root, {1: (3, 4), 5: (1, 8)}, **six.places)
    assert result.trimmed == {1: (2, 4), 5: (0, 8)}
    check(six, [(n, range(2, 4) if n == 1 else frames, task) for n, frames, task in ALL])


def test_it_leaves_one_frame(six: Bench) -> None:
    trim_episodes(six.root, {0: (0, 1), 2: (2, 3), 5: (6, 7)}, **six.places)
    ranges = {0: range(1), 2: range(2, 3), 5: range(6, 7)}
    check(six, [(n, ranges.get(n, frames), task) for n, frames, task in ALL])


@pytest.mark.parametrize("seed", range(at_most(8)))
def test_it_does_what_a_list_would_do(six: Bench, seed: int) -> None:
    """Twice in a row, anything at all: deletions, tasks and ranges of any kind together."""
    dice, kept = random.Random(seed), list(ALL)
    for _ in range(2):
        numbers = list(range(len(kept)))
        gone = dice.sample(numbers, dice.randrange(len(kept)))
        tasks = {n: dice.choice(["task 0", "task 1", "fold it"]) for n in dice.sample(numbers, len(kept) // 2)}
        trims: dict[int, tuple[int, int]] = {}
        for n in dice.sample(numbers, dice.randint(1, len(kept))):
            first = dice.randrange(len(kept[n][1]))
            trims[n] = (first, dice.randint(first + 1, len(kept[n][1])))
        edit_episodes(six.root, delete=gone, tasks=tasks, trims=trims, **six.places)
        kept = [
            (
                number,
                frames[trims[n][0] // 2 * 2 : trims[n][1]] if n in trims else frames,
                tasks.get(n, task),
            )
            for n, (number, frames, task) in enumerate(kept)
            if n not in gone
        ]
        check(six, kept)


def test_it_copies_packets_and_encodes_nothing(six: Bench) -> None:
    def packets(bench: Bench, index: int, key: str) -> list[bytes]:
        span = bench.open().episode(index).videos[key]
        found, data = index_video(span.path), span.path.read_bytes()
        at = found.order[span.first_frame : span.first_frame + span.frames]
        return [data[found.position[n] : found.position[n] + found.size[n]] for n in at]

    before = {key: packets(six, 5, key) for key in CAMERAS}
    edit_episodes(six.root, delete=[0], trims={5: (2, 7)}, **six.places)
    assert {key: packets(six, 4, key) for key in CAMERAS} == {key: found[2:7] for key, found in before.items()}


def test_it_counts_statistics_of_what_is_left(six: Bench) -> None:
    trim_episodes(six.root, {5: (4, 8)}, **six.places)
    row = pq.read_table(six.root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()[5]
    action = columns(LENGTHS[5], 5)["action"][4:8].astype(np.float64)
    for name, value in numeric_stats(action).items():
        assert np.allclose(row[f"stats/action/{name}"], value), name
    span, counted = six.open().episode(5).videos[FRONT], ImageStats()
    with open_video(span.path) as video:
        for n in sample_indices(4):
            counted.add(video.frame(span.first_frame + int(n)))
    assert np.allclose(np.array(row[f"stats/{FRONT}/mean"]), counted.result()["mean"])
    assert row[f"stats/{TOP}/count"] == [4]


def test_it_does_not_touch_files_in_which_nothing_changes(six: Bench) -> None:
    def inodes() -> list[int]:
        first = six.open().episode(0)
        assert first.data_file is not None
        return [first.data_file.stat().st_ino, first.videos[FRONT].path.stat().st_ino]

    before = inodes()
    trim_episodes(six.root, {5: (2, 4)}, **six.places)
    assert inodes() == before


def test_it_needs_a_keyframe_in_every_camera(bench: Bench, new: Any) -> None:
    """One group of pictures an episode: nothing can be cut off its begin, all of its end."""
    bench.commit([new(n, 6, "push", EncodeSettings(codec="h264", preset="ultrafast", g=30)) for n in range(2)])
    result = trim_episodes(bench.root, {1: (4, 5)}, **bench.places)
    assert result.trimmed == {1: (0, 5)}
    assert [len(codes) for codes in bench.shown()] == [12, 10]
    assert verify_dataset(bench.root, deep=True).problems == []


def test_it_keeps_what_frames_need_that_are_decoded_out_of_order(bench: Bench, new: Any) -> None:
    """With B-frames a range ends where its last frames need nothing that comes after."""
    settings = EncodeSettings(codec="h264", preset="medium", g=12)
    bench.commit([new(n, 24, "push", settings) for n in range(2)])
    before = bench.shown()
    for wanted in ((12, 15), (13, 20), (3, 5)):
        result = trim_episodes(bench.root, {0: wanted}, **bench.places)
        first, end = result.trimmed[0]
        assert first <= wanted[0] and end >= wanted[1]
        assert bench.shown() == [[code for code in before[0] if first <= code[2] < end], before[1]]
        assert verify_dataset(bench.root, deep=True).problems == []
        revert(bench.root, bench.open().revision - 1, **bench.places)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trims": {0: (2, 2)}},
        {"trims": {0: (-1, 2)}},
        {"trims": {0: (0, 6)}},
        {"trims": {6: (0, 1)}},
        {"trims": {0: (1.0, 2)}},
        {"tasks": {0: "  "}, "trims": {0: (0, 2)}},
        {"delete": range(6), "trims": {0: (0, 2)}},
        {"delete": [0, 0]},
        {},
    ],
)
def test_it_leaves_the_dataset_alone_when_it_refuses(six: Bench, wrong: dict[str, Any]) -> None:
    before = six.fingerprint()
    with pytest.raises((NoSuchEpisode, EditError)):
        edit_episodes(six.root, **wrong, **six.places)
    assert six.fingerprint() == before
    assert list(six.places["work"].iterdir()) == []


def test_it_can_be_gone_back_from_and_back_again(six: Bench) -> None:
    edit_episodes(six.root, delete=[3], trims={1: (2, 4)}, tasks={0: "fold it"}, **six.places)
    edited = six.shown()
    revert(six.root, 3, **six.places)
    check(six, ALL)
    revert(six.root, 4, **six.places)
    assert six.shown() == edited and verify_dataset(six.root, deep=True).problems == []
    assert six.open().sidecar.more["made_by"] == {"what": "reverted", "reverted_to": 4}


def test_it_says_in_the_revision_what_was_done(six: Bench) -> None:
    edit_episodes(six.root, delete=[3, 4], trims={1: (2, 4)}, **six.places)
    assert six.open().sidecar.more["made_by"] == {"what": "edited", "deleted": 2, "trimmed": 1}


def test_it_can_be_added_to_after_a_trim(six: Bench, new: Any) -> None:
    trim_episodes(six.root, {5: (0, 1), 0: (2, 5)}, **six.places)
    six.commit([new(9, 5, "task 0")])
    assert [len(codes) // 2 for codes in six.shown()] == [3, *LENGTHS[1:5], 1, 5]
    assert verify_dataset(six.root, deep=True).problems == []
    assert six.open().sidecar.more["made_by"] == {"what": "committed", "committed": 1}
