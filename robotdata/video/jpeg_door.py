"""Check and normalize the JPEGs of a camera before they are stored: complete, upright, without misleading metadata.

A stored JPEG then has the same pixels in a browser, in an encoder and in any other decoder.
"""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from robotdata.video.jpeg import QUALITY, decode_jpeg, encode_jpeg
from robotdata.video.jpeg_parts import MAX_PIXELS, ImageError, JpegParts, is_one_scan, parse_jpeg

_END = b"\xff\xd9"
_FILLS = (b"\x00" * 64, b"\xfe" * 64)
_EIGHTH = "3"


class JpegDoor:
    """Checks and normalizes the JPEGs of one camera. Use it in one thread."""

    def __init__(self, quality: int = QUALITY) -> None:
        self._quality = quality
        self._decoder: Any = None

    def admit(self, data: bytes) -> JpegParts:
        """Return the JPEG in its plain form (see `JpegParts.plain`), rotated by its EXIF orientation.

        All coded data is decoded, at an eighth of the size. Raises ImageError if the image is damaged or incomplete, or
        of a kind that not all decoders read.
        """
        parts = parse_jpeg(data)
        plain = parts.plain()
        self._read_through(parts, plain)
        if parts.has_exif and (rotated := _rotated(parts, self._quality)) is not None:
            return parse_jpeg(rotated)
        if parts.stores_rgb:
            plain = plain_jpeg(data, self._quality)
        return parts if plain is data else parse_jpeg(plain)

    def _read_through(self, parts: JpegParts, plain: bytes) -> None:
        """Raise ImageError if FFmpeg finds an error in the coded data, or if they have no end."""
        if self._decoder is None:
            self._decoder = av.CodecContext.create("mjpeg", "r")
            self._decoder.thread_count = 1
            self._decoder.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS), "lowres": _EIGHTH}
        try:
            is_complete = len(self._decoder.decode(av.Packet(plain))) == 1
        except av.FFmpegError:
            self._decoder = None
            is_complete = False
        if not is_complete or not parts.restarts_in_order:
            raise ImageError(f"a JPEG of {len(parts.data)} bytes ({parts.width}x{parts.height}) is damaged or cut off")
        if not parts.ended and not _needs_no_more(plain):
            raise ImageError(f"a JPEG of {len(parts.data)} bytes has no end: it was cut off")


def plain_jpeg(data: bytes, quality: int = QUALITY) -> bytes:
    """Return a stored JPEG in its plain form: the stored pixels, whatever its metadata says.

    `data` itself is returned if it is plain already. Raises ImageError if it is not a JPEG.
    """
    parts = parse_jpeg(data)
    if parts.stores_rgb:  # FFmpeg and browsers do not always agree on whether the channels are RGB
        return encode_jpeg(decode_jpeg(parts.data), quality)
    return parts.plain()


class PlainForm:
    """Returns the JPEGs of one camera as `plain_jpeg` does; any thread may use it.

    A camera sends the same header with each image. A header that was plain before need not be taken apart again.
    """

    def __init__(self) -> None:
        self._head = b""

    def of(self, data: bytes) -> bytes:
        """Return `plain_jpeg(data)`. Raises ImageError as it does."""
        if (known := self.of_known(data)) is not None:
            return known
        plain = plain_jpeg(data)
        if plain is data:
            self._head = parse_jpeg(data).head
        return plain

    def of_known(self, data: bytes) -> bytes | None:
        """Return `data` if it has the header that was plain before and is plain itself; None if that takes work."""
        head = self._head
        return data if head and data.startswith(head) and is_one_scan(data, len(head)) else None


def _needs_no_more(plain: bytes) -> bool:
    """Return whether an image without an end marker is complete: its pixels do not depend on what follows."""
    coded = plain[: -len(_END)]
    first, second = (decode_jpeg(coded + fill + _END) for fill in _FILLS)
    return bool(np.array_equal(first, second))


def _rotated(parts: JpegParts, quality: int) -> bytes | None:
    """Return the image rotated by its EXIF orientation, as a JPEG; None if it is upright."""
    try:
        with Image.open(io.BytesIO(parts.data), formats=["JPEG"]) as image:
            if image.getexif().get(0x0112, 1) in (1, 0):
                return None
            upright = ImageOps.exif_transpose(image.convert("RGB"))
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError) as error:
        raise ImageError(f"a JPEG of {len(parts.data)} bytes is damaged: {error}") from error
    return encode_jpeg(np.asarray(upright, np.uint8), quality)
