"""Drop frames, and turn pictures into videos and back: each frame stays beside its row, and nothing else is lost."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import EditError, verify_dataset
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.edit import revert
from robotdata.dataset.write.pictures import pictures_to_videos, preview_pictures, videos_to_pictures
from robotdata.dataset.write.reencode import Aside
from robotdata.dataset.write.retime import drop_frames, preview_drop_frames
from robotdata.dataset.write.transfer import Where
from robotdata.video.barcode import read
from robotdata.video.codecs import EncodeSettings
from robotdata.video.png import decode_png
from tests.dataset.conftest import FRONT, LENGTHS, TOP, Bench, columns, expected, picture

SMALL = EncodeSettings(codec="h264", preset="ultrafast", crf=20)


def aside(bench: Bench) -> Aside:
    return Aside(bench.home / "encoded")


def rows_of(bench: Bench) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted((bench.root / "data").rglob("*.parquet")))


def assert_sound(bench: Bench) -> None:
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes) == ([], [])


@pytest.mark.parametrize("factor", [2, 3])
def test_every_so_many_frames_stay_with_their_rows(six: Bench, factor: int) -> None:
    path = six.root / SIDECAR
    value = json.loads(path.read_text())
    value["episodes"][5] |= {"marks": [{"code": "x", "from_tick": 3, "to_tick": 7}], "planned": {"trim": [0, 7]}}
    path.write_text(json.dumps(value))
    preview = preview_drop_frames(six.open(), factor, SMALL)
    result = drop_frames(six.root, factor, SMALL, aside(six), Where(**six.places))
    assert_sound(six)
    dataset = six.open()
    assert (dataset.fps, result.episodes, result.frames) == (30 // factor, 6, preview.frames)
    for n, (length, shown) in enumerate(zip(LENGTHS, six.shown(), strict=True)):
        ticks = range(0, length, factor)
        assert shown == [(n, camera, tick) for camera in range(2) for tick in ticks]
        rows = dataset.rows(n)
        for name, values in columns(length, n).items():
            assert np.array_equal(rows[name], values[::factor])
        assert rows["frame_index"].tolist() == list(range(len(ticks)))
        np.testing.assert_allclose(rows["timestamp"], np.arange(len(ticks)) * factor / 30, atol=1e-6)
    mark = dataset.episodes[5].extra["marks"][0]
    assert (mark["from_tick"], mark["to_tick"]) == (3 // factor, -(-7 // factor))
    assert dataset.episodes[5].extra["planned"] == {"trim": [0, -(-7 // factor)]}
    assert dataset.features[FRONT]["info"]["video.fps"] == 30 // factor
    revert(six.root, 3, **six.places)
    assert six.open().fps == 30 and six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("factor", [0, 1, 4, 31, 2.0])
def test_a_rate_that_is_not_whole_is_refused(six: Bench, factor: Any) -> None:
    with pytest.raises(EditError):
        drop_frames(six.root, factor, SMALL, aside(six), Where(**six.places))


def test_videos_become_pictures_and_videos_again(six: Bench) -> None:
    stats = six.open().stats()
    assert preview_pictures(six.open(), [FRONT], None).encoded_frames == 0
    told: list[int] = []
    videos_to_pictures(six.root, [FRONT], Where(**six.places), report=told.append)
    assert_sound(six)
    dataset, rows = six.open(), rows_of(six)
    assert dataset.features[FRONT]["dtype"] == "image" and dataset.video_keys == [TOP]
    assert not list(six.root.glob(f"videos/{FRONT}/**/*.mp4")) and told[-1] == sum(LENGTHS)
    codes = [read(decode_png(value.as_py()["bytes"])) for value in rows.column(FRONT)]
    assert [(c.episode, c.tick) for c in codes] == [
        (n, tick) for n, count in enumerate(LENGTHS) for tick in range(count)
    ]
    assert rows.column(FRONT)[0].as_py()["path"] == "frame-000000.png"
    described = json.loads(rows.schema.metadata[b"huggingface"])["info"]["features"]
    assert described[FRONT] == {"_type": "Image"} and described["action"]["_type"]
    assert all(dataset.stats()[key] == stats[key] for key in (FRONT, TOP, "action"))
    table = pq.read_table(six.root / "meta/episodes/chunk-000/file-000.parquet")
    assert not [name for name in table.column_names if name.startswith(f"videos/{FRONT}/")]

    pictures_to_videos(six.root, [FRONT], SMALL, aside(six), Where(**six.places))
    assert_sound(six)
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]
    dataset, rows = six.open(), rows_of(six)
    assert FRONT not in rows.column_names and dataset.features[FRONT]["info"]["video.codec"] == "h264"
    assert all(dataset.stats()[key] == stats[key] for key in (FRONT, TOP, "action"))
    revert(six.root, 3, **six.places)
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]


def test_columns_that_nobody_knows_stay(six: Bench) -> None:
    for path in (six.root / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.append_column("odd", pa.array([f"x{n}" for n in range(table.num_rows)])), path)
    odd = rows_of(six).column("odd")
    videos_to_pictures(six.root, [FRONT], Where(**six.places))
    assert rows_of(six).column("odd") == odd
    pictures_to_videos(six.root, [FRONT], SMALL, aside(six), Where(**six.places))
    assert rows_of(six).column("odd") == odd


def test_the_statistics_of_pictures_in_rows_are_those_of_the_kept_frames(six: Bench) -> None:
    videos_to_pictures(six.root, [FRONT], Where(**six.places))
    drop_frames(six.root, 3, SMALL, aside(six), Where(**six.places))
    assert_sound(six)
    row = pq.read_table(six.root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()[5]
    pictures = np.stack([picture(tick, 5, 0) for tick in (0, 3, 6)]) / 255
    for name, expected_value in (("min", pictures.min((0, 1, 2))), ("mean", pictures.mean((0, 1, 2)))):
        np.testing.assert_allclose(np.ravel(row[f"stats/{FRONT}/{name}"]), expected_value, atol=0.02)
    assert row[f"stats/{FRONT}/count"] == [3]


def test_a_dataset_without_any_video_left_opens_and_comes_back(six: Bench) -> None:
    videos_to_pictures(six.root, [FRONT, TOP], Where(**six.places))
    assert_sound(six)
    assert six.open().info["video_path"] is None and not list(six.root.rglob("*.mp4"))
    pictures_to_videos(six.root, [FRONT, TOP], SMALL, aside(six), Where(**six.places))
    assert_sound(six)
    assert six.shown() == [expected(n, length) for n, length in enumerate(LENGTHS)]


def test_what_a_camera_is_not_it_does_not_become_again(six: Bench) -> None:
    before = six.fingerprint()
    with pytest.raises(EditError, match="pictures in its rows"):
        pictures_to_videos(six.root, [FRONT], SMALL, aside(six), Where(**six.places))
    with pytest.raises(EditError, match="videos"):
        videos_to_pictures(six.root, ["action"], Where(**six.places))
    assert six.fingerprint() == before


def test_pictures_that_expand_beyond_all_bounds_are_not_read(six: Bench) -> None:
    videos_to_pictures(six.root, [FRONT], Where(**six.places))
    path = sorted((six.root / "data").rglob("*.parquet"))[0]
    rows = pq.read_table(path)
    large = {"bytes": bytes(24 << 20), "path": "a.png"}
    cells = pa.array([large] * rows.num_rows, rows.schema.field(FRONT).type)
    pq.write_table(rows.set_column(rows.column_names.index(FRONT), FRONT, cells), path, compression="zstd")
    del cells
    before = path.read_bytes()
    with pytest.raises(DamagedFile, match="expand"):
        pictures_to_videos(six.root, [FRONT], SMALL, aside(six), Where(**six.places))
    assert path.read_bytes() == before
