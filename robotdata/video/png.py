"""Decode the PNG packets of a colour camera. There is one reader, so that all uses get the same pixels."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from robotdata.video.jpeg_parts import ImageError, check_size

MAGIC = b"\x89PNG\r\n\x1a\n"


def decode_png(packet: bytes) -> NDArray[np.uint8]:
    """Return the image as uint8 (H, W, 3), rotated by its EXIF orientation, without transparency.

    Of 16 bits per channel, the upper 8 are kept. Gamma and colour space are not applied, here or elsewhere. Raises
    ImageError if it is damaged, or if it is 16-bit gray, which is depth.
    """
    try:
        with Image.open(io.BytesIO(packet), formats=["PNG"]) as image:
            check_size(image.width, image.height)
            if image.mode[0] in "IF":
                raise ImageError(
                    f"it has {image.mode!r} pixels, more than 8 bits each: that is depth, use encode_depth"
                )
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except ImageError:
        raise
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"a PNG of {len(packet)} bytes is damaged: {error}") from error
