"""Encode and decode single frames as JPEG, for previews, the spool and the player."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from robotdata.video.jpeg_parts import MAX_PIXELS as MAX_PIXELS
from robotdata.video.jpeg_parts import ImageError as ImageError
from robotdata.video.jpeg_parts import check_size as check_size
from robotdata.video.jpeg_parts import parse_jpeg

QUALITY = 95
SCALES = (1, 2, 4, 8)


def encode_jpeg(rgb: NDArray[np.uint8], quality: int = QUALITY) -> bytes:
    """Encode `rgb`, uint8 (H, W, 3), as a baseline JPEG with 4:2:0 chroma.

    Raises ImageError if the array has another shape or dtype, or exceeds MAX_PIXELS.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ImageError(f"want uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    check_size(rgb.shape[1], rgb.shape[0])
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def decode_jpeg(data: bytes, *, scale: int = 1) -> NDArray[np.uint8]:
    """Decode a JPEG to uint8 (H, W, 3). `scale` 2, 4 or 8 decodes 1/scale of each side, which is faster.

    Raises ImageError if `data` is not a complete JPEG or claims more than MAX_PIXELS.
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
    """Return (width, height) from the header. Raises ImageError if there is none, or beyond MAX_PIXELS."""
    return jpeg_shape(data)[:2]


def jpeg_shape(data: bytes) -> tuple[int, int, int]:
    """Return (width, height, channels) from the header. Raises as `jpeg_size`."""
    parts = parse_jpeg(data, header_only=True)
    return parts.width, parts.height, parts.channels
