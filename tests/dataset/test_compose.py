"""One composer: stored episodes whole, trimmed, relabelled or dropped, and new ones, in one next state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.features import video_keys
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose import compose
from robotdata.dataset.write.episode_refs import EpisodeRef, NewRef, StoredRef, plan_parts
from tests.dataset.conftest import FRONT, LENGTHS, Bench, barcodes, columns, expected


def composed(bench: Bench, folder: Path, refs: Sequence[EpisodeRef]) -> tuple[DatasetFolder, list[tuple[int, int]]]:
    """The next state of these references, and what its progress was."""
    base, progress = bench.open(), []
    plan = plan_parts(base, base.features, base.fps, refs)
    steps = CommitProgress(video_keys(base.features), lambda done, total: progress.append((done, total)))
    compose(plan, folder, base.info, {"what": "test"}, steps)
    return DatasetFolder.open(folder), progress


def test_it_drops_trims_relabels_and_adds_at_once(six: Bench, tmp_path: Path, new: Any) -> None:
    old = six.open().episodes
    before = six.fingerprint()
    refs = [
        StoredRef(old[0]),
        StoredRef(old[1], kept=(0, 3)),
        StoredRef(old[3], task="lift"),
        NewRef(new(9, 5, "lift")),
    ]
    now, progress = composed(six, tmp_path / "next", refs)
    assert verify_dataset(now.root, deep=True).problems == []
    assert [episode.length for episode in now.episodes] == [LENGTHS[0], 3, LENGTHS[3], 5]
    shown = [barcodes(now, n, FRONT) for n in range(4)]
    whole = [expected(n, length)[:length] for n, length in ((0, LENGTHS[0]), (1, 3), (3, LENGTHS[3]), (9, 5))]
    assert shown == whole
    for index, number in enumerate((0, 1, 3, 9)):
        length = now.episodes[index].length
        seed = columns(max(length, LENGTHS[number] if number < 6 else 5), number)
        assert np.array_equal(now.rows(index)["action"], seed["action"][:length])
    assert [episode.tasks for episode in now.episodes] == [["task 0"], ["task 1"], ["lift"], ["lift"]]
    assert progress[-1] == (5, 6), "the last step is to put it in place"
    assert six.fingerprint() == before


def test_files_before_the_first_change_keep_their_places_and_the_rest_closes_up(six: Bench, tmp_path: Path) -> None:
    old = six.open().episodes
    first = {episode.data_file for episode in old}
    assert len(first) > 2
    gone = [episode for episode in old if episode.data_file == old[2].data_file]
    now, _ = composed(six, tmp_path / "next", [StoredRef(episode) for episode in old if episode not in gone])
    assert now.episodes[0].data_file.stat().st_ino == old[0].data_file.stat().st_ino  # type: ignore[union-attr]
    places = sorted({(episode.data_chunk, episode.data_file_index) for episode in now.episodes})
    assert places == [(0, number) for number in range(len(places))]
    names = {path.name for path in (now.root / "data").rglob("*.parquet")}
    assert names == {f"file-{number:03}.parquet" for number in range(len(places))}


def test_nothing_but_the_meta_is_written_where_all_stays(six: Bench, tmp_path: Path) -> None:
    old = six.open()
    now, _ = composed(six, tmp_path / "next", [StoredRef(episode) for episode in old.episodes])
    for path in now.root.rglob("*"):
        if path.is_file() and "meta" not in path.relative_to(now.root).parts:
            assert path.stat().st_ino == (six.root / path.relative_to(now.root)).stat().st_ino


@pytest.mark.parametrize("order", [[1, 0], [0, 0]])
def test_stored_episodes_keep_their_order(six: Bench, order: list[int]) -> None:
    base = six.open()
    with pytest.raises(ValueError, match="order"):
        plan_parts(base, base.features, base.fps, [StoredRef(base.episodes[n]) for n in order])
