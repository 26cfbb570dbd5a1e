"""PNG packets of a camera in colours: one reader, so that training, statistics and people get the same pixels."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from robotdata.video.jpeg_parts import ImageError, check_size

MAGIC = b"\x89PNG\r\n\x1a\n"


def decode_png(packet: bytes) -> NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3), turned as its EXIF says; of 16 bits a channel the upper 8, without transparency.

    What it says of gamma and colour spaces is not applied, here or anywhere else: values are what the camera wrote.
    Raises ImageError where it is damaged, and where it is gray of 16 bits, which is depth.
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
