"""Fractional rates and text features come through the whole path: spool, export, commit, edit, verify."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.errors import DeviceError
from robotdata.capture.texts import TEXT_BYTES, pack_text
from robotdata.capture.values import StoredValue
from robotdata.dataset import DatasetFolder, DatasetSpec, commit_episodes, edit_episodes, verify_dataset
from robotdata.export import encode_camera, load_encoded, new_episode, plan_take
from robotdata.spool import Take, recover_take
from robotdata.video import EncodeSettings, open_video, probe
from robotdata.video.barcode import read
from robotdata.video.rates import exact_rate, plain_rate
from tests.support.takes import PREFIX, joints, make_take

QUICK = EncodeSettings(codec="h264", preset="ultrafast", g=2)
FRONT = PREFIX + "front"


def step_at(tick: int) -> str:
    return f"step {tick // 4}: gr\u00fcner W\u00fcrfel"


def commit(tmp_path: Path, fps: float, takes: list[Path]) -> DatasetFolder:
    episodes = []
    for folder in takes:
        with Take.open(folder) as take:
            plan = plan_take(take)
            path = tmp_path / "staging" / folder.name / "front.mp4"
            encode_camera(take, plan, FRONT, path, QUICK, token="one")
            encoded = load_encoded(path)
            assert encoded is not None
            episodes.append(new_episode(take, plan, "push", {FRONT: encoded}, take.id, {}))
            spec = DatasetSpec(fps, "sim_arm", take.manifest["features"])
    root = tmp_path / "datasets/cubes"
    commit_episodes(root, spec, episodes, work=tmp_path / "datasets/.work", revisions=tmp_path / "datasets/.old")
    return DatasetFolder.open(root)


def ticks_of(dataset: DatasetFolder, index: int) -> list[int]:
    span = dataset.episode(index).videos[FRONT]
    with open_video(span.path) as video:
        return [read(video.frame(span.first_frame + n)).tick for n in range(span.frames)]


@pytest.mark.parametrize(
    ("fps", "exact"),
    [(12.5, Fraction(25, 2)), (29.97, Fraction(30000, 1001)), (2.7, Fraction(27, 10)), (59.94, Fraction(60000, 1001))],
)
def test_a_fractional_rate_keeps_every_frame_at_its_time(tmp_path: Path, fps: float, exact: Fraction) -> None:
    takes = [
        make_take(tmp_path / "spool", count, episode=n, cameras=("front",), fps=plain_rate(exact_rate(fps)))
        for n, count in enumerate((9, 6, 7))
    ]
    dataset = commit(tmp_path, fps, takes)
    assert dataset.fps == float(exact)
    assert [ticks_of(dataset, n) for n in range(3)] == [list(range(9)), list(range(6)), list(range(7))]
    times = np.arange(6) * exact.denominator / exact.numerator
    assert np.array_equal(dataset.rows(1)["timestamp"], times.astype(np.float32))
    span = dataset.episode(1).videos[FRONT]
    assert probe(span.path).rate == exact
    assert span.from_timestamp == pytest.approx(9 / exact, abs=1e-9)
    report = verify_dataset(dataset.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    edit_episodes(
        dataset.root,
        delete=[0],
        trims={1: (2, 6)},
        work=tmp_path / "datasets/.work",
        revisions=tmp_path / "datasets/.old",
    )
    after = DatasetFolder.open(dataset.root)
    assert [ticks_of(after, n) for n in range(2)] == [[2, 3, 4, 5], list(range(7))]
    assert verify_dataset(dataset.root, deep=True).problems == []


def test_a_text_feature_comes_through_to_the_dataset(tmp_path: Path) -> None:
    take = make_take(tmp_path / "spool", 10, cameras=("front",), texts={"subtask": step_at})
    dataset = commit(tmp_path, 30, [take])
    assert list(dataset.rows(0)["subtask"]) == [step_at(tick) for tick in range(10)]
    assert dataset.features["subtask"]["dtype"] == "string"
    assert verify_dataset(dataset.root, deep=True).problems == []


def test_a_torn_take_keeps_the_texts_before_the_damage(tmp_path: Path) -> None:
    folder = make_take(tmp_path, 12, cameras=("front",), texts={"subtask": step_at})
    rows = folder / "rows.arrow"
    rows.write_bytes(rows.read_bytes()[: -len(rows.read_bytes()) // 3])
    manifest = (folder / "take.json").read_text()
    (folder / "take.json").write_text(manifest.replace('"state": "recorded"', '"state": "recording"'))
    recover_take(folder)
    with Take.open(folder) as take:
        assert 0 < take.ticks < 12
        assert take.texts("subtask") == [step_at(tick) for tick in range(take.ticks)]
        assert np.array_equal(take.signal("action")[0], joints(1))


@pytest.mark.parametrize("text", ["x" * (TEXT_BYTES + 1), "\u00fc" * TEXT_BYTES, "a\0b", "\ud800", 5, None, b"x"])
def test_a_text_that_no_row_can_hold_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="text"):
        pack_text(text)
    with pytest.raises(DeviceError, match="subtask"):
        StoredValue("subtask", {"dtype": "string", "shape": [1], "names": None}).convert(text, "observe")
