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
_LOW, _HIGH = np.uint16(0x00FF), np.uint16(0xFF00)


class LimitedRange:
    """Converts yuvj420p to yuv420p. It reuses its memory between frames, so each thread needs its own instance."""

    def __init__(self) -> None:
        self._scratch: NDArray[np.uint16] = np.empty(0, np.uint16)

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a new frame with the same image; `frame` is not changed."""
        converted = av.VideoFrame(frame.width, frame.height, "yuv420p")
        for number, (plane, target) in enumerate(zip(frame.planes, converted.planes, strict=True)):
            factor, offset = _CHROMA if number else _LUMA
            self._convert(_pairs(plane), _pairs(target), factor, offset)
        return converted

    def _convert(
        self, full: NDArray[np.uint16], limited: NDArray[np.uint16], factor: np.uint16, offset: np.uint16
    ) -> None:
        """Write (pixel * factor + offset) >> 8 of both pixels of each pair in `full` to `limited`.

        All steps stay in 16 bits: widening each pixel and narrowing it again took a quarter longer.
        """
        if self._scratch.size < full.size:
            self._scratch = np.empty(full.size, np.uint16)
        low = self._scratch[: full.size].reshape(full.shape)
        np.bitwise_and(full, _LOW, out=low)
        np.multiply(low, factor, out=low)
        np.add(low, offset, out=low)
        np.right_shift(low, _SHIFT, out=low)
        np.right_shift(full, _SHIFT, out=limited)
        np.multiply(limited, factor, out=limited)
        np.add(limited, offset, out=limited)
        np.bitwise_and(limited, _HIGH, out=limited)
        np.bitwise_or(limited, low, out=limited)


def _pairs(plane: av.video.plane.VideoPlane) -> NDArray[np.uint16]:
    """Return uint16 (height, half the width, rounded up), a view of the plane's memory: two pixels each.

    FFmpeg's lines are longer than an odd width, so the last pixel's neighbour belongs to the frame too.
    """
    samples: NDArray[np.uint16] = np.frombuffer(plane, np.uint16)  # type: ignore[call-overload]
    rows = samples.reshape(-1, plane.line_size // 2)
    return rows[: plane.height, : (plane.width + 1) // 2]
