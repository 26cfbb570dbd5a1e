"""What a file is, by its streams: whatever its name, its folder or its info.json say."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.video import (
    EncodeSettings,
    NotAVideoError,
    VideoError,
    barcode,
    get_audio_info,
    get_video_duration_in_s,
    get_video_info,
    get_video_pixel_channels,
    open_video,
    probe,
    verify_video,
)


def test_it_says_what_lerobot_would_write(testdata: Path) -> None:
    for dataset in ("v30_g1_inspire", "v30_rgbd_realsense"):
        info = json.loads((testdata / dataset / "meta/info.json").read_text())
        for key, feature in info["features"].items():
            if feature["dtype"] != "video":
                continue
            path = next((testdata / dataset / "videos" / key).rglob("*.mp4"))
            ours = get_video_info(path)
            theirs = {name: value for name, value in feature["info"].items() if name in ours}
            assert {name: ours[name] for name in theirs if name != "is_depth_map"} == {
                name: value for name, value in theirs.items() if name != "is_depth_map"
            }
            assert {"video.codec", "video.pix_fmt", "video.fps", "has_audio"} <= set(theirs)


def test_it_adds_how_a_video_was_made(video) -> None:
    info = get_video_info(video(3), settings=EncodeSettings(crf=25, extra_options={"la_depth": 2}))
    assert (info["video.crf"], info["video.g"], info["video.preset"]) == (25, 2, 12)
    assert info["video.extra_options"] == {"la_depth": 2} and info["video.video_backend"] == "pyav"


def test_it_keeps_the_claimed_and_the_counted_apart(video) -> None:
    path = video(8)
    data = bytearray(path.read_bytes())
    assert probe(path).counted_frames is None and probe(path).frames == 8
    facts = probe(path, count=True)
    assert (facts.claimed_frames, facts.counted_frames, facts.frames) == (8, 8, 8)
    assert facts.rate == facts.average_rate == 30 and facts.size_bytes == len(data)


@pytest.mark.parametrize("fps", [5, 29.97, 60])
def test_it_knows_how_long_a_video_is(video, fps: float) -> None:
    assert get_video_duration_in_s(video(12, fps=fps)) == pytest.approx(12 / fps, rel=1e-4)


@pytest.mark.parametrize(("pix_fmt", "channels"), [("yuv420p", 3), ("rgb24", 3), ("gray12le", 1), ("rgba", 4)])
def test_it_counts_a_pixels_channels(pix_fmt: str, channels: int) -> None:
    assert get_video_pixel_channels(pix_fmt) == channels


def test_it_refuses_pixel_formats_that_are_none() -> None:
    with pytest.raises(VideoError, match="'yuv9'"):
        get_video_pixel_channels("yuv9")


def test_it_says_that_there_is_no_sound(video) -> None:
    assert get_audio_info(video(3)) == {"has_audio": False}


def test_it_refuses_a_file_with_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48_000, layout="stereo")
        sound = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        sound.sample_rate = 48_000
        output.mux(stream.encode(sound))
        output.mux(stream.encode(None))
    with pytest.raises(NotAVideoError, match="no video stream"):
        probe(path)
    heard = get_audio_info(path)
    assert (heard["has_audio"], heard["audio.channels"], heard["audio.codec"]) == (True, 2, "aac")


def test_it_reads_a_lying_file_as_what_it_is(picture, tmp_path: Path) -> None:
    """`info.json` says h264; the stream is MPEG-4 part 2, as OpenCV writes it."""
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=30, options={"g": "12", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 288, 64, "yuv420p", 4_000_000
        for n in range(20):
            frame = av.VideoFrame.from_ndarray(picture(n))
            frame.pts = n
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert get_video_info(path)["video.codec"] == "mpeg4"
    assert verify_video(path, expected_frames=20).frames == 20
    with open_video(path) as decoder:
        assert [barcode.read(decoder.frame(n)).tick for n in (19, 0, 7)] == [19, 0, 7]
