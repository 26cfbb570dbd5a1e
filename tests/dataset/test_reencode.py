"""Re-encode: every frame is at its place, what stays is not touched, and a killed or disturbed run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.dataset import EditError, verify_dataset
from robotdata.dataset.write.edit import delete_episodes, revert
from robotdata.dataset.write.encoded_parts import EncodedSoFar
from robotdata.dataset.write.reencode import Aside, preview_reencode, reencode_cameras
from robotdata.dataset.write.transfer import Where
from robotdata.video.codecs import EncodeSettings
from robotdata.video.index import index_video
from tests.dataset.conftest import FRONT, HEIGHT, LENGTHS, TOP, WIDTH, Bench, columns, expected, packets

SMALL = EncodeSettings(codec="h264", preset="ultrafast", g=10, crf=28)
FRAMES = sum(LENGTHS)


def aside(bench: Bench, **more: Any) -> Aside:
    return Aside(bench.home / "encoded", **more)


def inodes(bench: Bench, key: str) -> set[int]:
    return {path.stat().st_ino for path in bench.root.glob(f"videos/{key}/*/*.mp4")}


def assert_sound(bench: Bench, numbers: list[int]) -> None:
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    assert bench.shown() == [expected(n, LENGTHS[n]) for n in numbers]
    dataset = bench.open()
    for index, n in enumerate(numbers):
        assert np.array_equal(dataset.rows(index)["action"], columns(LENGTHS[n], n)["action"])
        assert dataset.episodes[index].extra["verdict"] == "keep"


def test_one_camera_is_encoded_again_and_the_other_stays(six: Bench) -> None:
    before, shared, stats = packets(six.root), inodes(six, TOP), six.open().stats()
    told: list[EncodedSoFar] = []
    result = reencode_cameras(six.root, [FRONT], SMALL, aside(six, report=told.append), Where(**six.places))
    assert (result.episodes, result.frames, result.revision) == (6, FRAMES, 4)
    assert_sound(six, list(range(6)))
    assert packets(six.root).isdisjoint(before) and inodes(six, TOP) == shared
    dataset = six.open()
    info, top = dataset.features[FRONT]["info"], dataset.features[TOP]["info"]
    stated = [info[f"video.{name}"] for name in ("codec", "g", "crf", "preset")]
    assert stated == ["h264", 10, 28, "ultrafast"] and "video.crf" not in top
    assert all(dataset.stats()[key] == stats[key] for key in ("action", "timestamp", FRONT, TOP))
    assert told[0] == EncodedSoFar(0, FRAMES, 0, 6) and told[-1] == EncodedSoFar(FRAMES, FRAMES, 6, 6)
    assert [report.frames for report in told] == sorted(report.frames for report in told)
    revert(six.root, 3, **six.places)
    assert packets(six.root) == before


def test_pictures_get_another_size(six: Bench) -> None:
    size = (2 * WIDTH, 2 * HEIGHT)
    reencode_cameras(six.root, [FRONT], SMALL, aside(six), Where(**six.places), size=size)
    report = verify_dataset(six.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    dataset = six.open()
    feature, path = dataset.features[FRONT], dataset.episodes[0].videos[FRONT].path
    assert feature["shape"] == [size[1], size[0], 3]
    assert (feature["info"]["video.width"], feature["info"]["video.height"]) == size
    index = index_video(path)
    assert (index.width, index.height) == size
    reencode_cameras(six.root, [FRONT], SMALL, aside(six), Where(**six.places), size=(WIDTH, HEIGHT))
    assert_sound(six, list(range(6)))


def cancelling(after: int) -> Callable[[EncodedSoFar], None]:
    def report(now: EncodedSoFar) -> None:
        if now.frames >= after:
            raise KeyboardInterrupt

    return report


def test_a_cancelled_run_leaves_the_dataset_and_the_next_one_goes_on(six: Bench) -> None:
    before = six.fingerprint()
    with pytest.raises(KeyboardInterrupt):
        reencode_cameras(six.root, [FRONT, TOP], SMALL, aside(six, report=cancelling(20)), Where(**six.places))
    assert six.fingerprint() == before
    ready = {path.name: path.stat().st_mtime_ns for path in (six.home / "encoded").glob("*.mp4")}
    assert ready and not list((six.home / "encoded").glob(".*"))
    reencode_cameras(six.root, [FRONT, TOP], SMALL, aside(six), Where(**six.places))
    assert ready.items() <= {p.name: p.stat().st_mtime_ns for p in (six.home / "encoded").glob("*.mp4")}.items()
    assert_sound(six, list(range(6)))


def test_a_damaged_video_of_an_earlier_run_is_made_again(six: Bench) -> None:
    with pytest.raises(KeyboardInterrupt):
        reencode_cameras(six.root, [FRONT], SMALL, aside(six, report=cancelling(20)), Where(**six.places))
    next((six.home / "encoded").glob("*.mp4")).write_bytes(b"no video")
    reencode_cameras(six.root, [FRONT], SMALL, aside(six), Where(**six.places))
    assert_sound(six, list(range(6)))


def test_what_somebody_changes_meanwhile_stays_changed(six: Bench) -> None:
    done: list[int] = []

    def report(now: EncodedSoFar) -> None:
        if now.frames == now.frames_total and not done:
            done.append(1)
            delete_episodes(six.root, [1], **six.places)

    reencode_cameras(six.root, [FRONT], SMALL, aside(six, report=report), Where(**six.places))
    assert_sound(six, [0, 2, 3, 4, 5])
    assert six.open().features[FRONT]["info"]["video.g"] == 10


@pytest.mark.parametrize(
    ("cameras", "size"),
    [([], None), ([FRONT, FRONT], None), (["action"], None), ([FRONT], (33, 20)), ([FRONT], (8, 8))],
)
def test_what_cannot_be_encoded_is_refused_before_it_begins(six: Bench, cameras: list[str], size: Any) -> None:
    before = six.fingerprint()
    settings = EncodeSettings(codec="libsvtav1") if size else SMALL
    with pytest.raises(EditError):
        reencode_cameras(six.root, cameras, settings, aside(six), Where(**six.places), size=size)
    assert six.fingerprint() == before and not (six.home / "encoded").exists()


def test_a_missing_video_is_named(six: Bench) -> None:
    path: Path = six.open().episodes[0].videos[FRONT].path
    path.unlink()
    with pytest.raises(EditError, match="episode 0"):
        reencode_cameras(six.root, [FRONT], SMALL, aside(six), Where(**six.places))


def test_a_preview_measures_and_changes_nothing(six: Bench) -> None:
    before = six.fingerprint()
    preview = preview_reencode(six.open(), [FRONT, TOP], SMALL)
    assert (preview.episodes, preview.frames, preview.encoded_frames) == (6, FRAMES, 2 * FRAMES)
    assert preview.size_bytes > 0 and preview.seconds > 0 and "front: 272x64 pixels, H.264" in preview.notes[0]
    assert six.fingerprint() == before
    assert json.dumps(list(preview.notes))
