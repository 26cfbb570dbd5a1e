"""Encode a decoded frame as a JPEG. Its pixels are converted once, into the layout that Pillow encodes from."""

from __future__ import annotations

import io

import av
from av.video.reformatter import VideoReformatter
from PIL import Image

from robotdata.video.colours import to_rgb
from robotdata.video.jpeg import check_size

_PIXELS = "RGBX"
"""Four bytes a pixel: Pillow reads such a frame without copying it, but copies one of three bytes a pixel."""


def rgb_image(reformatter: VideoReformatter, frame: av.VideoFrame) -> Image.Image:
    """Return `frame` as an image, with pixels in memory of its own.

    Raises ImageError if it exceeds MAX_PIXELS.
    """
    check_size(frame.width, frame.height)
    converted = to_rgb(reformatter, frame, pix_fmt="rgb0")
    plane = converted.planes[0]
    size = converted.width, converted.height
    return Image.frombuffer(_PIXELS, size, plane, "raw", _PIXELS, plane.line_size, 1)  # type: ignore[arg-type]


def image_jpeg(image: Image.Image, quality: int) -> bytes:
    """Return the JPEG, 4:2:0, that `encode_jpeg` makes of the same pixels."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()
