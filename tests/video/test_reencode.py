"""A video encoded anew shows what it showed, or the span of it that was asked for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from robotdata.video import (
    EncodeError,
    EncodeSettings,
    NoFramesError,
    OutputExistsError,
    UnknownOptionError,
    decode_depths,
    encode_depth,
    open_video,
    probe,
    reencode,
    reencode_video,
    verify_video,
)
from robotdata.video.depth.video import DEPTH_SETTINGS

HEVC = EncodeSettings(codec="hevc", preset="ultrafast", crf=10)


@pytest.mark.parametrize("fps", [30, 29.97])
def test_it_shows_the_same_frames_in_another_codec(video, ticks, tmp_path: Path, fps: float) -> None:
    source = video(12, fps=fps)
    made = reencode(source, tmp_path / "v.mp4", settings=HEVC)
    assert made.codec == "hevc" and probe(made.path).rate == probe(source).rate
    assert [tick for _, tick in ticks(made.path)] == list(range(12))
    verify_video(made.path, expected_frames=12)


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [(0.1, 0.3, range(3, 9)), (None, 0.1, range(3)), (0.3, None, range(9, 12)), (0.11, 0.12, []), (0.38, 99, [])],
)
def test_it_takes_the_frames_from_a_time_up_to_another(
    video, ticks, tmp_path: Path, start: float | None, end: float | None, shown: list[int]
) -> None:
    out = tmp_path / "v.mp4"
    if not shown:
        with pytest.raises(NoFramesError, match="shows no frame"):
            reencode(video(12), out, settings=HEVC, start_s=start, end_s=end)
        return
    reencode(video(12), out, settings=HEVC, start_s=start, end_s=end)
    assert [tick for _, tick in ticks(out)] == list(shown)
    with open_video(out) as decoder:
        assert decoder.index.time_s(0) == 0


@pytest.mark.parametrize(("start", "end"), [(-1, None), (0.2, 0.2), (0.3, 0.1), (float("nan"), None)])
def test_it_refuses_spans_that_are_none(video, tmp_path: Path, start: float, end: float | None) -> None:
    with pytest.raises(EncodeError, match="want a span of time"):
        reencode(video(4), tmp_path / "v.mp4", start_s=start, end_s=end)


def test_it_takes_lerobots_words(video, ticks, tmp_path: Path) -> None:
    source, out = video(8), tmp_path / "v.mp4"
    made = reencode_video(source, out, "h264", 1, None, False, 0.1, 0.2, preset="ultrafast")
    assert (made.codec, made.frames) == ("h264", 3)
    with pytest.raises(OutputExistsError):
        reencode_video(source, out)
    reencode_video(out, out, HEVC, overwrite=True)  # onto itself
    assert probe(out).codec == "hevc" and [tick for _, tick in ticks(out)] == [3, 4, 5]


def test_it_keeps_depth_or_refuses(tmp_path: Path) -> None:
    maps = [np.full((64, 96), 400 + 300 * n, np.uint16) for n in range(4)]
    source = encode_depth(maps, tmp_path / "d.mp4", fps=30).path
    with pytest.raises(UnknownOptionError, match="holds depth"):
        reencode(source, tmp_path / "v.mp4")
    made = reencode(source, tmp_path / "v.mp4", settings=DEPTH_SETTINGS, start_s=1 / 30)
    with open_video(source) as one, open_video(made.path) as other:
        assert (np.stack(list(decode_depths(one)))[1:] == np.stack(list(decode_depths(other)))).all()


def test_it_refuses_frames_that_come_unevenly(picture, tmp_path: Path) -> None:
    path = tmp_path / "uneven.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 288, 64, "yuv420p"
        for number, time in enumerate([0, 1, 2, 6, 7]):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(EncodeError, match="frame 3 is .* off a constant"):
        reencode(path, tmp_path / "v.mp4", settings=HEVC)
    assert reencode(path, tmp_path / "v.mp4", settings=HEVC, end_s=0.1).frames == 3
