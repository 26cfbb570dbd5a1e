"""A JPEG's full-range planes -> limited range, by arithmetic on the bytes: half of what the scaler costs."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

# ITU-R BT.601: luma 16 to 235, chroma 16 to 240. Of all eight-bit fractions these come nearest to the exact
# 16 + 219/255 y and 128 + 224/255 (c - 128): never off by more than one.
_LUMA = (np.uint16(220), np.uint16(4204))
_CHROMA = (np.uint16(225), np.uint16(4096))
_SHIFT = np.uint16(8)


class LimitedRange:
    """Makes yuv420p of yuvj420p. Keeps its scratch memory between frames: one for each thread."""

    def __init__(self) -> None:
        self._scratch: NDArray[np.uint16] = np.empty(0, np.uint16)

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a new frame with the same image; `frame` is not changed."""
        made = av.VideoFrame(frame.width, frame.height, "yuv420p")
        for number, (plane, target) in enumerate(zip(frame.planes, made.planes, strict=True)):
            factor, offset = _CHROMA if number else _LUMA
            full, limited = _pixels(plane), _pixels(target)
            if self._scratch.size < full.size:
                self._scratch = np.empty(full.size, np.uint16)
            wide = self._scratch[: full.size].reshape(full.shape)
            np.multiply(full, factor, out=wide)
            np.add(wide, offset, out=wide)
            np.right_shift(wide, _SHIFT, out=wide)
            limited[...] = wide
        return made


def _pixels(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """uint8 (height, width), a view of the plane's memory."""
    rows: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    return rows[: plane.height, : plane.width]
