"""Sum an image up as the mean colours of some of its blocks, which is quick enough to judge a camera by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 8
"""Width and height of a block in pixels."""
_EVERY, _LEAST_ROWS = 8, 16  # bands of blocks: one in eight, if there are so many


def block_colours(rgb: NDArray[np.uint8], *, whole: bool = False) -> NDArray[np.float32]:
    """Return the mean colours, float32 (n, 3), of the 8x8 blocks in every eighth band of uint8 (H, W, 3), or of all.

    A JPEG decoded to an eighth of its size has the same colours, but reading the `whole` image takes eight times as
    long. A low image counts with all its bands, one of less than a block as it is.
    """
    height, width, _ = rgb.shape
    if whole:
        return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).reduce(SIDE), np.float32).reshape(-1, 3)
    step = SIDE * (_EVERY if height >= SIDE * _LEAST_ROWS else 1)
    if height >= step:
        rgb = rgb[: height // step * step].reshape(-1, step, width, 3)[:, :SIDE].reshape(-1, width, 3)
    small = Image.fromarray(np.ascontiguousarray(rgb)).reduce(SIDE)
    return np.asarray(small, np.float32).reshape(-1, 3)
