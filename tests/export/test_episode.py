"""The whole way without a page: takes recorded, planned, encoded, committed in batches, read back, decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import DatasetFolder, DatasetSpec, commit_episodes, verify_dataset
from robotdata.export import ExportError, ExportRefused, encode_camera, load_encoded, new_episode, plan_take
from robotdata.spool import Take
from robotdata.video import EncodeSettings, open_video
from robotdata.video.barcode import read
from tests.support.takes import PREFIX, features, joints, make_take

QUICK = EncodeSettings(codec="h264", preset="ultrafast")
FRONT = PREFIX + "front"


def episode_of(folder: Path, staging: Path, trim: tuple[int, int] | None = None, settings: EncodeSettings = QUICK):
    with Take.open(folder) as take:
        plan = plan_take(take, trim)
        for key in take.cameras:
            encode_camera(take, plan, key, staging / folder.name / f"{key}.mp4", settings, token="one")
        # As after a restart: from what is on disk alone.
        encoded = {key: load_encoded(staging / folder.name / f"{key}.mp4") for key in take.cameras}
        return new_episode(take, plan, take.manifest["task"], encoded, take.id, {"verdict": "keep"})


def codes(dataset: DatasetFolder, index: int, key: str) -> list[tuple[int, int]]:
    span = dataset.episode(index).videos[key]
    with open_video(span.path) as video:
        found = [read(video.frame(span.first_frame + n)) for n in range(span.frames)]
    return [(code.episode, code.tick) for code in found]


@pytest.mark.parametrize("settings", [QUICK, EncodeSettings()], ids=["h264", "av1"])
def test_it_brings_every_frame_to_its_row(tmp_path: Path, settings: EncodeSettings) -> None:
    spool, staging, root = tmp_path / "spool", tmp_path / "staging", tmp_path / "datasets/cubes"
    takes = [
        (make_take(spool, 8, episode=1), None, list(range(8))),
        (make_take(spool, 9, episode=2, lost={4}), (2, 8), [2, 3, 3, 5, 6, 7]),
        (make_take(spool, 7, episode=3, late=2), None, [2, 3, 4, 5, 6]),
    ]
    episodes = [episode_of(folder, staging, trim, settings) for folder, trim, _ in takes]
    spec = DatasetSpec(30, "sim_arm", features(("front", "top")))
    for batch in (episodes[:1], episodes[1:]):
        commit_episodes(root, spec, batch, work=tmp_path / "datasets/.work", revisions=tmp_path / "datasets/.old")
    dataset = DatasetFolder.open(root)
    for index, (_, _, ticks) in enumerate(takes):
        for key in dataset.camera_keys:
            assert codes(dataset, index, key) == [(index + 1, tick) for tick in ticks]
    assert np.array_equal(dataset.rows(1)["observation.state"], np.stack([joints(tick) for tick in range(2, 8)]))
    assert dataset.episodes[1].extra["export"]["missing"][FRONT] == 1
    report = verify_dataset(root, deep=True)
    assert (report.problems, report.notes) == ([], [])


def test_it_wants_every_camera(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 6)) as take:
        plan = plan_take(take)
        made = encode_camera(take, plan, FRONT, tmp_path / "front.mp4", QUICK)
        with pytest.raises(ExportError, match="camera observation.images.top is not encoded"):
            new_episode(take, plan, "push", {FRONT: made}, take.id, {})


def test_it_wants_the_rows_that_were_encoded(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 6, cameras=("front",))) as take:
        made = encode_camera(take, plan_take(take), FRONT, tmp_path / "front.mp4", QUICK)
        with pytest.raises(ExportError, match="encoded with 6 frames, the plan has 3 rows"):
            new_episode(take, plan_take(take, (1, 4)), "push", {FRONT: made}, take.id, {})


def test_it_refuses_a_take_that_is_still_growing(tmp_path: Path) -> None:
    folder = make_take(tmp_path, 3)
    text = (folder / "take.json").read_text().replace('"recorded"', '"recording"')
    (folder / "take.json").write_text(text)
    with Take.open(folder) as take, pytest.raises(ExportRefused, match="still being recorded"):
        plan_take(take)
