"""A camera's picture is of the size that was asked for, upright, and never squeezed."""

from __future__ import annotations

import runpy
import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from robotdata.video.live_source import LiveError, LiveSource
from robotdata.video.packets import PacketWriter
from robotdata.video.upright import UnsupportedTransformError, turn_of_matrix

ONE = 1 << 16
UPRIGHT, CLOCKWISE, HALF, ANTICLOCKWISE = (ONE, 0, 0, ONE), (0, ONE, -ONE, 0), (-ONE, 0, 0, -ONE), (0, -ONE, ONE, 0)
MIRRORED = (-ONE, 0, 0, ONE)


def disc(width: int, height: int) -> NDArray[np.uint8]:
    """A bright disc in the middle, and a dark spot in its upper left."""
    y, x = np.mgrid[:height, :width]
    made = np.full((height, width, 3), 60, np.uint8)
    made[(x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) * 0.35) ** 2] = 240
    made[height // 8 : height // 4, width // 8 : width // 4] = 0
    return made


def film(path: Path, picture: NDArray[np.uint8], codec: str = "libx264", pixels: str = "yuv420p") -> Path:
    """Three times the same picture."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=30, options={"crf": "12"} if codec == "libx264" else {"q": "2"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = pixels
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture).reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def jpegs(path: Path, picture: NDArray[np.uint8]) -> Path:
    writer = PacketWriter(path, "mjpeg", picture.shape[1], picture.shape[0])
    writer.write(encode_jpeg(picture), 0)
    writer.finish()
    return path


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """`path` with the display matrix of a phone's file."""
    data = bytearray(path.read_bytes())
    a, b, c, d = matrix
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def first(path: Path, width: int, height: int, fit: str = "exact") -> NDArray[np.uint8]:
    source = LiveSource(str(path), width, height, 240, fit=fit)
    source.open()
    rgb, packet = source.read()
    source.close()
    return decode_jpeg(packet) if packet else rgb  # type: ignore[return-value]


def extent(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """(width, height) of what is bright."""
    bright = picture.mean(axis=2) > 150
    return int(bright.any(axis=0).sum()), int(bright.any(axis=1).sum())


@pytest.mark.parametrize(("width", "height"), [(640, 360), (320, 240), (96, 640), (321, 241)])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg packets", "mjpeg", "ffv1"])
def test_it_refuses_another_size_of_every_codec(tmp_path: Path, codec: str, width: int, height: int) -> None:
    picture = disc(width, height)
    if codec == "mjpeg packets":
        path = jpegs(tmp_path / "x.mkv", picture)
    elif codec in ("libx264", "mpeg4") and width % 2:
        pytest.skip("the encoder takes even sides alone")
    else:
        path = film(tmp_path / "x.mkv", picture, codec, "yuvj420p" if codec == "mjpeg" else "yuv420p")
    with pytest.raises(LiveError, match=f"(?s){width}x{height}.*640x480.*letterbox"):
        first(path, 640, 480)
    assert first(path, width, height).shape == (height, width, 3)


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (200, 480), (160, 120), (321, 241)])
@pytest.mark.parametrize("codec", ["libx264", "mjpeg packets"])
def test_a_letterboxed_circle_stays_a_circle(tmp_path: Path, size: tuple[int, int], codec: str) -> None:
    path = tmp_path / "x.mkv"
    if codec == "libx264":
        size = size[0] // 2 * 2, size[1] // 2 * 2
        film(path, disc(*size))
    else:
        jpegs(path, disc(*size))
    shown = first(path, 640, 480, "letterbox")
    assert shown.shape == (480, 640, 3)
    width, height = extent(shown)
    assert abs(width - height) <= 3
    scale = min(640 / size[0], 480 / size[1])
    assert abs(width - 0.7 * min(size) * scale) <= 4
    inner_width, inner_height = round(size[0] * scale), round(size[1] * scale)
    bars = np.ones((480, 640), bool)
    top, left = (480 - inner_height) // 2, (640 - inner_width) // 2
    bars[max(0, top - 3) : top + inner_height + 3, max(0, left - 3) : left + inner_width + 3] = False
    assert not shown[bars].any()


def test_a_picture_of_the_right_size_is_left_alone_by_letterbox(tmp_path: Path) -> None:
    picture = encode_jpeg(disc(64, 48))
    writer = PacketWriter(tmp_path / "x.mkv", "mjpeg", 64, 48)
    writer.write(picture, 0)
    writer.finish()
    source = LiveSource(str(tmp_path / "x.mkv"), 64, 48, 240, fit="letterbox")
    source.open()
    assert source.read() == (None, picture)
    source.close()


def test_letterbox_knows_that_pixels_need_not_be_square(tmp_path: Path) -> None:
    """A television camera's 720x576 is shown as 1024x576."""
    wide = disc(1024, 576)
    narrow = av.VideoFrame.from_ndarray(wide).reformat(width=720, height=576).to_ndarray()
    path = tmp_path / "pal.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(narrow)))
        out.mux(stream.encode())
    width, height = extent(first(path, 640, 480, "letterbox"))
    assert abs(width - height) <= 3


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        (UPRIGHT, lambda p: p),
        (CLOCKWISE, lambda p: np.rot90(p, -1)),
        (HALF, lambda p: np.rot90(p, 2)),
        (ANTICLOCKWISE, lambda p: np.rot90(p, 1)),
        (MIRRORED, lambda p: p[:, ::-1]),
    ],
)
@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_phones_file_comes_upright(tmp_path: Path, picture, codec: str, matrix, turn) -> None:
    seen = picture(7, width=320, height=288)
    stored = next(stored for k in range(4) for stored in (np.rot90(seen, k), np.rot90(seen[:, ::-1], k))
                  if (turn(stored).shape == seen.shape) and (turn(stored) == seen).all())  # fmt: skip
    path = turned(
        film(tmp_path / "x.mp4", np.ascontiguousarray(stored), codec, "yuvj420p" if codec == "mjpeg" else "yuv420p"),
        matrix,
    )
    assert read(first(path, 320, 288)).tick == 7
    assert abs(first(path, 320, 288).astype(int) - seen).mean() < 8
    if matrix in (CLOCKWISE, ANTICLOCKWISE):
        with pytest.raises(LiveError, match="(?s)320x288.*288x320"):
            first(path, 288, 320)
    boxed = first(path, 640, 288, "letterbox")
    assert abs(boxed[:, 160:480].astype(int) - seen).mean() < 10 and not boxed[:, :150].any()


def test_a_tilted_picture_is_refused(tmp_path: Path) -> None:
    path = turned(film(tmp_path / "x.mp4", disc(64, 48)), (46341, 46341, -46341, 46341))
    with pytest.raises(LiveError, match="tilted"):
        first(path, 64, 48)
    for matrix in ((ONE, 0, 0, 2 * ONE), (0, 0, 0, 0), (ONE, 5, 0, ONE)):
        with pytest.raises(UnsupportedTransformError):
            turn_of_matrix((matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 1 << 30))


def test_the_case_that_was_squeezed_is_refused(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "circle.mp4"
    monkeypatch.setattr(sys, "argv", ["make", str(out), "640", "360"])
    runpy.run_path(str(cases / "bughunt" / "wrong_size_make.py"))
    with pytest.raises(LiveError, match="640x360.*640x480"):
        first(out, 640, 480)
    width, height = extent(first(out, 640, 480, "letterbox"))
    assert abs(width - height) <= 3
