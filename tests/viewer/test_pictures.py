from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.jpeg import ImageError, decode_jpeg, encode_jpeg, jpeg_size
from viewer.pictures import shrink_jpeg, to_jpeg


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_it_shrinks_without_changing_the_colour() -> None:
    rgb = np.zeros((480, 640, 3), np.uint8)
    rgb[:, :320], rgb[:, 320:] = (200, 40, 10), (10, 60, 180)
    small = decode_jpeg(shrink_jpeg(encode_jpeg(rgb), 100))
    assert small.shape == (100, 133, 3)
    assert np.abs(small[50, 20].astype(int) - (200, 40, 10)).max() < 8
    assert np.abs(small[50, 110].astype(int) - (10, 60, 180)).max() < 8


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"GIF89a", encode_jpeg(np.zeros((64, 64, 3), np.uint8))[:300]])
def test_it_says_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(ImageError, match="bytes"):
        shrink_jpeg(data, 16)
    with pytest.raises(ImageError, match="bytes"):
        to_jpeg(data)


def test_it_shows_lossless_packets_and_depth() -> None:
    assert jpeg_size(to_jpeg(png(np.full((48, 64, 3), 90, np.uint8)))) == (64, 48)
    depth = np.linspace(400, 4000, 48 * 64).reshape(48, 64).astype(np.uint16)
    shown = decode_jpeg(to_jpeg(png(depth))).astype(int)
    assert shown[2, 2, 0] > shown[2, 2, 2] and shown[45, 60, 2] > shown[45, 60, 0]  # near red, far blue


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_it_turns_a_stored_picture_as_training_gets_it(kind: str) -> None:
    """LeRobot's pictures in Parquet are decoded by `datasets`, which heeds EXIF; what is shown has none left."""
    scene = np.full((96, 288, 3), 90, np.uint8)
    draw(scene, Barcode(5, 0, 1))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(scene))).save(buffer, kind, exif=exif, icc_profile=b"x" * 99)
    shown = to_jpeg(buffer.getvalue())
    assert read(decode_jpeg(shown)).tick == 5
    with Image.open(io.BytesIO(shown)) as image:
        assert not image.getexif() and "icc_profile" not in image.info
