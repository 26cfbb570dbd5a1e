"""Cameras' pixels in every layout come in with their colours, and a change of size in mid-stream is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from robotdata.video.colours import to_rgb
from robotdata.video.jpeg import encode_jpeg
from robotdata.video.live_source import LiveError, LiveSource
from robotdata.video.packets import PacketWriter

COLOURS = [(16, 200, 30), (220, 40, 20), (30, 50, 210), (128, 128, 128), (250, 250, 250), (5, 5, 5)]
SWSCALE = {"bt709": 1, "bt601": 5}
H273 = {"bt709": 1, "bt601": 6}

X265 = "log-level=error:frame-threads=1:bframes=0"
"""Frames leave the encoder in order; with threads, writing one failed once on a busy machine."""


def bars() -> np.ndarray:
    made = np.zeros((48, 32 * len(COLOURS), 3), np.uint8)
    for place, colour in enumerate(COLOURS):
        made[:, place * 32 : place * 32 + 32] = colour
    return made


def in_pixels(pixels: str, matrix: str, full: bool) -> av.VideoFrame:
    """The bars in FFmpeg's pixel format `pixels`, by that matrix, and saying so."""
    frame = VideoReformatter().reformat(
        av.VideoFrame.from_ndarray(bars()),
        format=pixels,
        src_colorspace=5,
        dst_colorspace=SWSCALE[matrix],
        dst_color_range=2 if full else 1,
    )
    frame.colorspace, frame.color_range = H273[matrix], 2 if full else 1
    return frame


def middles(rgb: np.ndarray) -> list[list[int]]:
    return [rgb[24, place * 32 + 16].tolist() for place in range(len(COLOURS))]


def near(rgb: np.ndarray, within: int) -> bool:
    return bool(np.abs(np.array(middles(rgb)) - np.array(COLOURS)).max() <= within)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize(
    "pixels", ["yuv420p", "nv12", "yuyv422", "uyvy422", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "p010le"]
)
def test_every_layout_of_pixels_gives_the_colours_that_went_in(pixels: str, matrix: str, full: bool) -> None:
    frame = in_pixels(pixels, matrix, full)
    assert near(to_rgb(VideoReformatter(), frame).to_ndarray(), 6)


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("libx264", "yuv420p"), ("libx264", "yuv422p"), ("libx264", "yuv422p10le"), ("libx264", "yuv420p10le"),
     ("libx264", "nv12"), ("ffv1", "yuv444p"), ("rawvideo", "yuyv422"), ("libx265", "yuv420p10le")],
)  # fmt: skip
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_a_source_of_any_depth_and_layout_keeps_its_colours(
    tmp_path: Path, codec: str, pixels: str, matrix: str
) -> None:
    path = tmp_path / "x.mkv"
    with av.open(str(path), "w") as out:
        options = {"crf": "8", "x265-params": X265} if codec == "libx265" else {"crf": "8"}
        stream = out.add_stream(codec, rate=30, options=options if codec.startswith("libx") else {})
        stream.width, stream.height, stream.pix_fmt = bars().shape[1], bars().shape[0], pixels
        if pixels != "yuyv422":
            stream.codec_context.colorspace, stream.codec_context.color_range = H273[matrix], 1
        for number in range(2):
            # Raw pixels have no place to say it: what says nothing is BT.601.
            frame = in_pixels(pixels, "bt601" if codec == "rawvideo" else matrix, False)
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    source = LiveSource(str(path), bars().shape[1], bars().shape[0], 240)
    source.open()
    rgb, _ = source.read()
    source.close()
    assert rgb is not None and rgb.dtype == np.uint8 and near(rgb, 7)


def test_a_change_of_size_in_mid_stream_is_refused_with_both_sizes(tmp_path: Path) -> None:
    writer = PacketWriter(tmp_path / "x.mkv", "mjpeg", 64, 48)
    for number, size in enumerate([(48, 64), (48, 64), (96, 128)]):
        writer.write(encode_jpeg(np.full((*size, 3), 90, np.uint8)), number)
    writer.finish()
    source = LiveSource(str(tmp_path / "x.mkv"), 64, 48, 240)
    source.open()
    assert [source.read()[0] for _ in range(2)] == [None, None]
    with pytest.raises(LiveError, match="128x96.*64x48"):
        source.read()
    source.close()


def test_a_coded_stream_that_changes_its_size_is_refused_or_fitted(tmp_path: Path) -> None:
    pieces = b""
    for width, height in ((64, 48), (128, 64)):
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.options = Fraction(1, 30), {"x264-params": "bframes=0", "tune": "zerolatency"}
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 120, np.uint8)).reformat(format="yuv420p")
            frame.pts = number
            pieces += b"".join(bytes(packet) for packet in context.encode(frame))
        pieces += b"".join(bytes(packet) for packet in context.encode(None))
    path = tmp_path / "x.h264"
    path.write_bytes(pieces)
    source = LiveSource(str(path), 64, 48, 240)
    source.open()
    assert [source.read()[0].shape for _ in range(3)] == [(48, 64, 3)] * 3
    with pytest.raises(LiveError, match="128x64.*64x48"):
        source.read()
    source.close()
    source = LiveSource(str(path), 64, 48, 240, fit="letterbox")
    source.open()
    assert [source.read()[0].shape for _ in range(6)] == [(48, 64, 3)] * 6
    source.close()
