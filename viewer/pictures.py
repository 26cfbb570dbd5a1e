"""Convert images of takes and datasets to JPEGs of the requested size, and join them side by side.

JPEGs are decoded at the needed scale and stay in YCbCr; both save most of the time.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from robotdata.video.depth.colours import DepthColours
from robotdata.video.depth.picture import depth_picture
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import ImageError, jpeg_size

QUALITY = 85
_PNG = b"\x89PNG\r\n\x1a\n"
_BROKEN = (OSError, SyntaxError, UnidentifiedImageError, ValueError, Image.DecompressionBombError)
MIN_HEIGHT, MAX_HEIGHT = 16, 4320
MAX_SIDE = 65_000
"""Largest width of a filmstrip in pixels. The JPEG format allows 65,535."""
MAX_PIXELS = 16_000_000
"""Larger images are refused before they are decoded: a file of a few hundred bytes may declare gigabytes of pixels."""
COLOUR_SAMPLES = 10
"""Depth frames of an episode that are searched for one with depth, to choose the range of the colours."""


def check_header(data: bytes) -> None:
    """Raise ImageError if the header of a JPEG or PNG declares more than MAX_PIXELS."""
    if data.startswith(_PNG):
        width, height = struct.unpack_from(">II", data.ljust(24, b"\0"), 16)
    else:
        width, height = jpeg_size(data)
    check_pixels(width, height)


def check_pixels(width: int, height: int) -> None:
    """Raise ImageError if an image is empty or has more than MAX_PIXELS."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ImageError(f"an image of {width}x{height} is too large: up to {MAX_PIXELS:,} pixels are shown")


def shrink_jpeg(data: bytes, height: int | None, *, quality: int = QUALITY) -> bytes:
    """Return the JPEG at `height` pixels with the same aspect ratio; unchanged if it is not higher than that.

    Raises ImageError if `data` is not a complete JPEG.
    """
    if height is None or jpeg_size(data)[1] <= height:
        return data
    buffer = io.BytesIO()
    open_scaled(data, height).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def depth_jpeg(data: bytes, colours: DepthColours) -> bytes:
    """Return a depth packet of the spool as a JPEG in `colours`. Raises ImageError if it is damaged."""
    check_header(data)
    try:
        return colours.jpeg(data, QUALITY)
    except VideoError as error:
        raise ImageError(str(error)) from error


def to_jpeg(data: bytes) -> bytes:
    """Return an image of a take or of a Parquet file as a JPEG, rotated by its EXIF orientation.

    Hugging Face `datasets` rotates images in the same way for training. Raises ImageError if the image is damaged.
    """
    check_header(data)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as image:
            picture = _displayable(ImageOps.exif_transpose(image)).convert("RGB")
    except _BROKEN as error:
        raise ImageError(f"an image of {len(data)} bytes is damaged: {error}") from error
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _displayable(image: Image.Image) -> Image.Image:
    """Return 16-bit depth in colours of its range, and other images unchanged."""
    return Image.fromarray(depth_picture(np.asarray(image))) if image.mode.startswith("I") else image


def open_scaled(data: bytes, height: int, *, mode: str = "YCbCr") -> Image.Image:
    """Decode a JPEG at `height` pixels. Raises ImageError if it is damaged or too large.

    libjpeg halves the image as often as possible while it decodes, which saves most of the time.
    """
    width, full_height = jpeg_size(data)
    check_pixels(width, full_height)
    size = (max(1, round(width * height / full_height)), height)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.draft(mode, size)
            picture = image.convert(mode)
    except _BROKEN as error:
        raise ImageError(f"a JPEG of {len(data)} bytes ({width}x{full_height}) is damaged: {error}") from error
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BILINEAR)


def side_by_side(pictures: Sequence[Image.Image | None], size: tuple[int, int]) -> bytes:
    """Return one JPEG with a cell of `size` (width, height) per picture, in order; None leaves a dark cell.

    Raises ImageError if the result would be wider than MAX_SIDE.
    """
    width, height = size
    if width * len(pictures) > MAX_SIDE:
        raise ImageError(f"{len(pictures)} images of {width} pixels side by side exceed a JPEG's {MAX_SIDE}")
    sheet = Image.new("YCbCr", (width * len(pictures), height), (24, 128, 128))
    for column, picture in enumerate(pictures):
        if picture is not None:
            sheet.paste(picture if picture.size == size else picture.resize(size), (column * width, 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
