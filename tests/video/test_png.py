"""PNG pictures of cameras, whatever they say of themselves: what people see is what training gets."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robotdata.export.encode import _decode_image
from robotdata.quality.pictures import decode
from robotdata.video.errors import BrokenFrameError
from robotdata.video.jpeg import ImageError
from robotdata.video.sources import FrameConverter
from viewer.pictures import to_jpeg

RGB = np.zeros((64, 96, 3), np.uint8)
RGB[:, :48] = (200, 100, 50)
RGB[:20, 48:] = (30, 60, 90)
WIDE = RGB.astype(np.uint16)
HALF = np.full((64, 96, 1), 128, np.uint8)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(pixels: np.ndarray, colour: int, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of uint8 or uint16 `pixels`; `colour` 0 gray, 2 RGB, 4 gray with alpha, 6 RGB with alpha."""
    depth, (height, width) = 8 * pixels.dtype.itemsize, pixels.shape[:2]
    raw = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in raw))
    parts = [(b"IHDR", head), *more, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in parts)


def turned(orientation: int) -> tuple[bytes, bytes]:
    return b"eXIf", struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


PICTURES: dict[str, tuple[bytes, Any]] = {
    "gamma of 1": (png(RGB, 2, (b"gAMA", struct.pack(">I", 100_000))), RGB),
    "gamma of 2.2": (png(RGB, 2, (b"gAMA", struct.pack(">I", 45_455))), RGB),
    "sRGB": (png(RGB, 2, (b"sRGB", b"\0")), RGB),
    "a curve for television": (png(RGB, 2, (b"cICP", bytes([9, 16, 0, 1]))), RGB),
    "16 bits": (png(WIDE * 257, 2), RGB),
    "16 bits, odd": (png(WIDE * 256 + 200, 2), RGB),
    "half transparent": (png(np.dstack([RGB, HALF]), 6), RGB),
    "16 bits, half transparent": (png(np.dstack([WIDE, HALF]) * np.uint16(257), 6), RGB),
    "gray": (png(RGB[..., :1], 0), RGB[..., :1].repeat(3, axis=2)),
    "turned by 180 degrees": (png(RGB, 2, turned(3)), RGB[::-1, ::-1]),
    "turned by 90 degrees": (png(RGB, 2, turned(6)), np.rot90(RGB, -1)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_people_training_and_statistics_get_the_same_pixels(name: str) -> None:
    packet, wanted = PICTURES[name]
    trained = FrameConverter().open(packet).to_ndarray(format="rgb24")
    assert trained.shape == wanted.shape and np.abs(trained.astype(int) - wanted).max() == 0
    assert (_decode_image(packet) == wanted).all()
    with Image.open(io.BytesIO(to_jpeg(packet))) as shown:
        seen = np.asarray(shown.convert("RGB")).astype(int)
    assert seen.shape == wanted.shape and np.abs(seen - wanted).mean() < 3
    assert np.abs(decode(packet, "png", 1).astype(int) - wanted).max() == 0


@pytest.mark.parametrize("more", [(), ((b"gAMA", struct.pack(">I", 45_455)),)])
def test_gray_of_16_bits_is_depth_and_refused_as_colours(more: Any) -> None:
    packet = png(WIDE[..., :1] * 257, 0, *more)
    with pytest.raises(BrokenFrameError, match="depth"):
        FrameConverter().open(packet)
    with pytest.raises(ImageError, match="depth"):
        _decode_image(packet)
