"""The one door through which a camera's own JPEGs come in: whole, upright and without misleading metadata.

What is stored shows the same pixels in a browser, in an encoder and in any other decoder.
"""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from robotdata.video.jpeg import QUALITY, decode_jpeg, encode_jpeg
from robotdata.video.jpeg_parts import MAX_PIXELS, ImageError, JpegParts, parse_jpeg

_END = b"\xff\xd9"
_FILLS = (b"\x00" * 64, b"\xfe" * 64)
_EIGHTH = "3"


class JpegDoor:
    """Lets in one camera's JPEGs, one after the other; for one thread."""

    def __init__(self, quality: int = QUALITY) -> None:
        self._quality = quality
        self._decoder: Any = None

    def admit(self, data: bytes) -> JpegParts:
        """`data` in its plain form (see `JpegParts.plain`), turned where its EXIF says so; unchanged where it may be.

        All of its coded data is read, at an eighth of the size. Raises ImageError if the picture is not whole, or
        of a kind that not all decoders read.
        """
        parts = parse_jpeg(data)
        plain = parts.plain()
        self._read_through(parts, plain)
        if parts.has_exif and (turned := _turned(parts, self._quality)) is not None:
            return parse_jpeg(turned)
        if parts.stores_rgb:
            plain = plain_jpeg(data, self._quality)
        return parts if plain is data else parse_jpeg(plain)

    def _read_through(self, parts: JpegParts, plain: bytes) -> None:
        """Raises ImageError if FFmpeg finds a break in the coded data, or where they have no end."""
        if self._decoder is None:
            self._decoder = av.CodecContext.create("mjpeg", "r")
            self._decoder.thread_count = 1
            self._decoder.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS), "lowres": _EIGHTH}
        try:
            whole = len(self._decoder.decode(av.Packet(plain))) == 1
        except av.FFmpegError:
            self._decoder = None
            whole = False
        if not whole or not parts.restarts_in_order:
            raise ImageError(f"a JPEG of {len(parts.data)} bytes ({parts.width}x{parts.height}) is damaged or cut off")
        if not parts.ended and not _needs_no_more(plain):
            raise ImageError(f"a JPEG of {len(parts.data)} bytes has no end: it was cut off")


def plain_jpeg(data: bytes, quality: int = QUALITY) -> bytes:
    """Return a stored JPEG as it may be shown: its pixels as stored, whatever its metadata says.

    Its bytes where nothing has to go. Raises ImageError if it is none.
    """
    parts = parse_jpeg(data)
    if parts.stores_rgb:  # FFmpeg and browsers do not always agree about which those are
        return encode_jpeg(decode_jpeg(parts.data), quality)
    return parts.plain()


def _needs_no_more(plain: bytes) -> bool:
    """Whether a picture that had no end marker lacks nothing else: then it is the same whatever follows its data."""
    begun = plain[: -len(_END)]
    one, other = (decode_jpeg(begun + fill + _END) for fill in _FILLS)
    return bool(np.array_equal(one, other))


def _turned(parts: JpegParts, quality: int) -> bytes | None:
    """The picture turned as its EXIF says; None if it says nothing, or upright."""
    try:
        with Image.open(io.BytesIO(parts.data), formats=["JPEG"]) as image:
            if image.getexif().get(0x0112, 1) in (1, 0):
                return None
            upright = ImageOps.exif_transpose(image.convert("RGB"))
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError) as error:
        raise ImageError(f"a JPEG of {len(parts.data)} bytes is damaged: {error}") from error
    return encode_jpeg(np.asarray(upright, np.uint8), quality)
