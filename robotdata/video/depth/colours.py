"""Depth in colours, a picture after the other: the same colour stays the same depth, and each costs a look-up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.picture import depth_picture
from robotdata.video.jpeg import encode_jpeg

_SPARSE = 4
_OFF = 0.25
_LEAST = 0.15


class DepthColours:
    """The colours of one camera, from the range of the first depth map that it is shown, uint16 (H, W) in mm.

    With `follow` a range that no longer fits is given up: what is live may be carried from a table to a window.
    """

    def __init__(self, *, follow: bool = False) -> None:
        self._follow = follow
        self._range: tuple[float, float] | None = None
        self._table: NDArray[np.uint8] | None = None

    def picture(self, depth: NDArray[Any]) -> NDArray[np.uint8]:
        """uint8 (H, W, 3): near red, far blue, no measurement black."""
        if self._table is None or self._follow:
            self.fit(depth)
        if self._table is None:
            return np.zeros((*depth.shape, 3), np.uint8)
        return np.take(self._table, depth, axis=0)

    def jpeg(self, packet: bytes, quality: int) -> bytes:
        """Render a stored depth packet as a JPEG for people. Raises DecodeError if it is not one."""
        return encode_jpeg(self.picture(depth_of_packet(packet)), quality)

    def fit(self, depth: NDArray[Any]) -> bool:
        """Take the range of `depth`, where it is another; False where it holds none."""
        sample = depth[::_SPARSE, ::_SPARSE]
        known = sample[sample > 0]
        if not known.size:
            return False
        near, far = (float(each) for each in np.percentile(known, [1, 99]))
        wider = max(0.0, _LEAST * (near + far) / 2 - (far - near)) / 2  # else a flat table is noise in all colours
        near, far = near - wider, far + wider
        if self._range is not None:
            old_near, old_far = self._range
            if max(abs(near - old_near), abs(far - old_far)) < _OFF * (old_far - old_near):
                return True
        self._range = near, far
        self._table = depth_picture(np.arange(2**16, dtype=np.uint16)[None], near, far)[0]
        return True
