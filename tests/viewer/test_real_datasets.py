"""Every episode of the real datasets: its first and last frame are shown, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset.reader import DatasetFolder
from robotdata.video.jpeg import decode_jpeg, encode_jpeg, jpeg_size
from viewer.committed_source import DECODERS, CommittedSource, committed_version
from viewer.errors import Gone, NotFound
from viewer.filmstrip import make_strip
from viewer.frames import read_frame
from viewer.signals import pack_signals
from viewer.sources import FrameSource

WHOLE = ["v30_g1_inspire", "v30_rgbd_realsense", "small_fixtures/datasets/lerobotv3"]


def sources(root: Path) -> list[FrameSource]:
    return [CommittedSource(root, episode.index) for episode in DatasetFolder.open(root).episodes]


@pytest.mark.parametrize("name", WHOLE)
def test_it_shows_the_first_and_the_last_frame_of_every_episode(testdata: Path, name: str) -> None:
    for source in sources(testdata / name):
        assert source.cameras and source.frames
        for camera in source.cameras:
            for n in (0, source.frames - 1):
                assert jpeg_size(source.jpeg(camera.key, n)) == (camera.width, camera.height)
            with pytest.raises(NotFound, match="has frames 0 to"):
                source.jpeg(camera.key, source.frames)
        assert pack_signals(source)


def test_it_shows_the_very_frame_of_the_row(testdata: Path) -> None:
    source = CommittedSource(testdata / "v30_g1_inspire", 2)
    span = DatasetFolder.open(testdata / "v30_g1_inspire").episodes[2].videos[source.cameras[0].key]
    decoder = DECODERS.get_decoder(span.path)
    for n in (0, 1, 100, source.frames - 1):
        assert source.jpeg(source.cameras[0].key, n) == encode_jpeg(decoder.frame(span.first_frame + n), 90)


def test_it_makes_filmstrips_and_small_frames_of_a_video(testdata: Path) -> None:
    source = CommittedSource(testdata / "v30_g1_inspire", 0)
    key = source.cameras[0].key
    assert jpeg_size(make_strip(source, key, 6, 72)) == (6 * 96, 72)
    assert jpeg_size(read_frame(source, key, 5, 240)) == (320, 240)
    assert read_frame(source, key, 5, 240) is read_frame(source, key, 5, 240)


def test_it_shows_rows_where_there_are_no_videos(testdata: Path) -> None:
    for source in sources(testdata / "v30_pusht_no_videos")[::40]:
        assert source.cameras == () and "missing" in source.problems[0]
        with pytest.raises(Gone, match=r"observation.image: .*file-000.mp4 is missing"):
            source.jpeg("observation.image", 0)
        signals = source.signals()
        assert signals.names["observation.state"] == ["motor_0", "motor_1"]
        assert {len(values) for values in signals.columns.values()} == {source.frames}
        assert "next.done" in signals.columns and "index" not in signals.columns


@pytest.mark.parametrize("name", ["v21_g1_inspire", "v20_gr1_sim", "realsense_rgbd", "nowhere"])
def test_it_says_why_a_folder_is_no_dataset(testdata: Path, name: str) -> None:
    with pytest.raises(Gone, match=rf"dataset {name}: .*(version v2|not a LeRobotDataset)"):
        committed_version(testdata / name, 0)


def test_it_says_which_episodes_there_are(testdata: Path) -> None:
    with pytest.raises(Gone, match="episodes 0 to 3, not 4"):
        committed_version(testdata / "v30_g1_inspire", 4)


def test_it_shows_depth_in_colours_that_stay(testdata: Path) -> None:
    source = CommittedSource(testdata / "v30_rgbd_realsense", 1)
    first, last = (decode_jpeg(source.jpeg("observation.images.front_depth", n)) for n in (0, source.frames - 1))
    assert first.max() > 200 and first.std(axis=2).max() > 50  # bright, and not grey
    assert abs(int(first[400, 500, 0]) - int(last[400, 500, 0])) < 40  # the table does not move
