"""JPEG to smaller JPEG, and several side by side: without passing through RGB, decoded at the scale needed."""

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
LEAST_HEIGHT, MOST_HEIGHT = 16, 4320
MOST_SIDE = 65_000
"""A JPEG's sides are 16 bits."""
MOST_PIXELS = 16_000_000
"""What is decoded here, where several people wait: more than cameras of robots have, yet a few hundred bytes may claim
a picture of gigabytes."""
LOOK_AT = 10
"""Frames of depth that may hold none before the colours of an episode are given up."""


def check_header(data: bytes) -> None:
    """Raise ImageError where the header of a JPEG or PNG claims more than MOST_PIXELS."""
    if data.startswith(_PNG):
        width, height = struct.unpack_from(">II", data.ljust(24, b"\0"), 16)
    else:
        width, height = jpeg_size(data)
    check_pixels(width, height)


def check_pixels(width: int, height: int) -> None:
    """Raise ImageError where a picture is empty or larger than what is decoded here."""
    if width < 1 or height < 1 or width * height > MOST_PIXELS:
        raise ImageError(f"an image of {width}x{height} is too large: up to {MOST_PIXELS:,} pixels are shown")


def shrink_jpeg(data: bytes, height: int | None, *, quality: int = QUALITY) -> bytes:
    """`data` at `height` pixels, the width in proportion; as it is where it is no higher than that.

    Raises ImageError where `data` is no whole JPEG.
    """
    if height is None or jpeg_size(data)[1] <= height:
        return data
    buffer = io.BytesIO()
    open_scaled(data, height).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def depth_jpeg(data: bytes, colours: DepthColours) -> bytes:
    """A depth packet of the spool in `colours`, as a JPEG; raises ImageError where it is damaged."""
    check_header(data)
    try:
        return colours.jpeg(data, QUALITY)
    except VideoError as error:
        raise ImageError(str(error)) from error


def to_jpeg(data: bytes) -> bytes:
    """A picture of a take or of a Parquet file as a JPEG, turned as its EXIF says: `datasets` gives it to training so.

    Raises ImageError where it is damaged.
    """
    check_header(data)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as image:
            picture = _for_people(ImageOps.exif_transpose(image)).convert("RGB")
    except _BROKEN as error:
        raise ImageError(f"an image of {len(data)} bytes is damaged: {error}") from error
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _for_people(image: Image.Image) -> Image.Image:
    """Depth of 16 bits in colours of its range; anything else as it is."""
    return Image.fromarray(depth_picture(np.asarray(image))) if image.mode.startswith("I") else image


def open_scaled(data: bytes, height: int, *, mode: str = "YCbCr") -> Image.Image:
    """The JPEG decoded at `height` pixels; libjpeg itself halves it as often as it can, which is most of the speed."""
    width, full = jpeg_size(data)
    check_pixels(width, full)
    size = (max(1, round(width * height / full)), height)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.draft(mode, size)
            picture = image.convert(mode)
    except _BROKEN as error:
        raise ImageError(f"a JPEG of {len(data)} bytes ({width}x{full}) is damaged: {error}") from error
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BILINEAR)


def side_by_side(pictures: Sequence[Image.Image | None], size: tuple[int, int]) -> bytes:
    """One JPEG with a cell of `size` (width, height) for each picture, in order; None leaves its cell dark."""
    width, height = size
    if width * len(pictures) > MOST_SIDE:
        raise ImageError(f"{len(pictures)} images of {width} pixels side by side exceed a JPEG's {MOST_SIDE}")
    sheet = Image.new("YCbCr", (width * len(pictures), height), (24, 128, 128))
    for place, picture in enumerate(pictures):
        if picture is not None:
            sheet.paste(picture if picture.size == size else picture.resize(size), (place * width, 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
