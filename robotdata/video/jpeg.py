"""One frame as a JPEG and back: what the preview, the spool and the scrubber all share."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

QUALITY = 95
MAX_PIXELS = 64_000_000
"""More than any camera gives; a header that claims more is refused before a byte is decoded."""
SCALES = (1, 2, 4, 8)
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset([0x01, *range(0xD0, 0xD9)])


class ImageError(ValueError):
    """A picture that is not what it should be; the message says what came and what was expected."""


def encode_jpeg(rgb: NDArray[np.uint8], quality: int = QUALITY) -> bytes:
    """`rgb`, uint8 (H, W, 3), as a baseline JPEG with 4:2:0 chroma.

    Raises ImageError where the array is not such a picture.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ImageError(f"want uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    check_size(rgb.shape[1], rgb.shape[0])
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def decode_jpeg(data: bytes, *, scale: int = 1) -> NDArray[np.uint8]:
    """The picture in `data`, uint8 (H, W, 3); `scale` 2, 4 or 8 decodes 1/scale of each side, and quicker.

    Raises ImageError where `data` is no whole JPEG or claims more than MAX_PIXELS.
    """
    if scale not in SCALES:
        raise ImageError(f"scale {scale}: want one of {SCALES}")
    width, height = jpeg_size(data)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if scale > 1:
                image.draft("RGB", (max(1, width // scale), max(1, height // scale)))
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"a JPEG of {len(data)} bytes ({width}x{height}) is damaged: {error}") from error


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) from the header alone; raises ImageError where there is none, or beyond MAX_PIXELS."""
    return jpeg_shape(data)[:2]


def jpeg_shape(data: bytes) -> tuple[int, int, int]:
    """(width, height, channels), as `jpeg_size`."""
    if data[:2] != b"\xff\xd8":
        raise ImageError(f"no JPEG: {len(data)} bytes that begin with {data[:4].hex() or 'nothing'}")
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker in _BARE_MARKERS or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_MARKERS and at + 10 <= len(data):
            height, width, channels = struct.unpack_from(">HHB", data, at + 5)
            check_size(width, height)
            return width, height, channels
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    raise ImageError(f"a JPEG of {len(data)} bytes has no frame header")


def check_whole(data: bytes) -> None:
    """Raises ImageError where a JPEG lacks its end; what cameras put behind it is zeros at most."""
    if data[-2:] != b"\xff\xd9" and not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ImageError(f"a JPEG of {len(data)} bytes has no end: it was cut off")


def check_size(width: int, height: int) -> None:
    """Raises ImageError, naming the size, where a picture is empty or beyond MAX_PIXELS."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ImageError(f"a picture of {width}x{height}: want 1 to {MAX_PIXELS:,} pixels")
