"""Colours survive: camera -> JPEG -> video -> RGB, as well as by way of RGB, and as other readers see them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from robotdata.video import (
    BrokenVideoError,
    EncodeSettings,
    FrameCountError,
    compare_video,
    encode_frames,
    encode_packets,
    join_videos,
    open_video,
    probe,
)
from robotdata.video.jpeg import encode_jpeg

BARS = [(235, 235, 235), (235, 235, 16), (16, 235, 235), (16, 235, 16), (235, 16, 235), (235, 16, 16), (16, 16, 235)]
SETTINGS = {
    "av1": EncodeSettings(crf=20, threads=1),
    "h264": EncodeSettings(codec="h264", crf=12, threads=1),
    "hevc": EncodeSettings(codec="hevc", crf=12, preset="ultrafast", threads=1),
}


@pytest.fixture(scope="module")
def bars() -> NDArray[np.uint8]:
    """Seven colour bars above a ramp from black to white, uint8 (240, 336, 3)."""
    rgb = np.zeros((240, 336, 3), np.uint8)
    for number, colour in enumerate(BARS):
        rgb[:180, number * 48 : (number + 1) * 48] = colour
    rgb[180:] = np.linspace(0, 255, 336).astype(np.uint8)[None, :, None]
    return rgb


def psnr_db(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean(np.square(one.astype(float) - other))))


@pytest.mark.parametrize("codec", SETTINGS)
def test_it_brings_colour_bars_back(bars: NDArray[np.uint8], tmp_path: Path, codec: str) -> None:
    packet = encode_jpeg(bars)
    by_yuv = encode_packets([packet] * 4, tmp_path / "yuv.mp4", fps=30, settings=SETTINGS[codec])
    by_rgb = encode_frames([bars] * 4, tmp_path / "rgb.mp4", fps=30, settings=SETTINGS[codec])
    with open_video(by_yuv.path) as ours, open_video(by_rgb.path) as theirs:
        seen, reference = ours.frame(3), theirs.frame(3)
    assert psnr_db(seen, bars) > 31  # what 4:2:0 leaves of the edges between the bars
    assert psnr_db(seen, bars) > psnr_db(reference, bars) - 1
    for number, colour in enumerate(BARS):
        middle = seen[40:140, number * 48 + 16 : number * 48 + 32].reshape(-1, 3).mean(axis=0)
        assert np.abs(middle - colour).max() < 4, (codec, colour)
    ramp = seen[200:230].astype(float).mean(axis=(0, 2))
    assert np.abs(ramp - bars[200, :, 0]).max() < 5


def test_it_writes_what_any_reader_takes_for_limited_range(bars: NDArray[np.uint8], tmp_path: Path) -> None:
    made = encode_packets([encode_jpeg(bars)] * 2, tmp_path / "v.mp4", fps=30)
    with av.open(str(made.path)) as container:
        frame = next(container.decode(video=0))
        luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(240, -1)[:, :336]
        assert frame.format.name == "yuv420p"
        assert psnr_db(frame.to_ndarray(format="rgb24"), bars) > 31
    assert luma[210].min() >= 14 and luma[210].max() <= 238


@pytest.mark.parametrize("codec", SETTINGS)
def test_it_says_which_colours_it_wrote(packets, tmp_path: Path, codec: str) -> None:
    """Unsaid, a browser shows 720 lines and more with another matrix than smaller pictures."""
    made = encode_packets(packets(2), tmp_path / "v.mp4", fps=30, settings=SETTINGS[codec])
    with av.open(str(made.path)) as container:
        context = container.streams.video[0].codec_context
        said = (context.color_range, context.color_primaries, context.color_trc, context.colorspace)
    assert said == (1, 1, 13, 6)
    joined = join_videos([made.path] * 2, tmp_path / "all.mp4", fps=30)
    assert (probe(joined.path).color_range, probe(joined.path).colorspace) == (1, 6)


def test_it_compares_a_video_with_its_source(picture, packets, tmp_path: Path) -> None:
    source = packets(6)
    made = encode_packets(source, tmp_path / "v.mp4", fps=30, settings=SETTINGS["h264"])
    found = compare_video(made.path, source)
    assert found.frames == 6 and found.worst_psnr_db > 30
    with pytest.raises(BrokenVideoError, match="frame 4|: 4") as caught:
        compare_video(made.path, [*source[:4], encode_jpeg(255 - picture(4)), source[5]])
    assert caught.value.frame == 4
    with pytest.raises(FrameCountError, match="the source has more"):
        compare_video(made.path, [*source, source[0]])
    with pytest.raises(FrameCountError, match="the video has more"):
        compare_video(made.path, source[:5])


def _foreign(path: Path, bars: NDArray[np.uint8], matrix: int, colour_range: int, pix_fmt: str) -> Path:
    """A video as other programs write it: with another matrix than ours, or full range, and saying so."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = bars.shape[1], bars.shape[0], pix_fmt
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, colour_range
        for number in range(3):
            rgb = av.VideoFrame.from_ndarray(bars, format="rgb24")
            frame = rgb.reformat(
                format=pix_fmt, src_colorspace=5, dst_colorspace=matrix, src_color_range=2, dst_color_range=colour_range
            )
            frame.pts, frame.colorspace, frame.color_range = number, matrix, colour_range
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize(("matrix", "colour_range"), [(1, 1), (9, 1), (1, 2), (6, 2)])
def test_it_believes_what_a_stream_says_of_its_colours(
    bars: NDArray[np.uint8], tmp_path: Path, matrix: int, colour_range: int, pix_fmt: str
) -> None:
    path = _foreign(tmp_path / "foreign.mp4", bars, matrix, colour_range, pix_fmt)

    def far(video: Path) -> float:
        with open_video(video) as decoder:
            seen = decoder.frame(1)
        return max(
            float(np.abs(seen[40:140, n * 48 + 16 : n * 48 + 32].reshape(-1, 3).mean(axis=0) - colour).max())
            for n, colour in enumerate(BARS)
        )

    assert far(path) < 4
    assert compare_video(path, [bars] * 3).worst_psnr_db > 31
    with open_video(path) as decoder:
        again = encode_frames(decoder.native_frames(), tmp_path / "ours.mp4", fps=30, settings=SETTINGS["h264"])
    assert far(again.path) < 6
