"""Show depth maps in colours: a colour means the same depth in all frames, and each frame costs one table look-up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.picture import depth_picture
from robotdata.video.jpeg import encode_jpeg

_SPARSE = 4
"""Every fourth pixel of every fourth row is used to find the range."""
_TOLERANCE = 0.25
"""A range is kept while its ends differ from the new ones by less than this share of it."""
_MIN_SPAN = 0.15
"""The least range, as a share of its middle."""


class DepthColours:
    """The colours of one camera. Their range is that of the first depth map, uint16 (H, W) in mm.

    With `follow`, the range changes when a depth map no longer fits, for live views: a camera may be moved.
    """

    def __init__(self, *, follow: bool = False) -> None:
        self._follow = follow
        self._range: tuple[float, float] | None = None
        self._table: NDArray[np.uint8] | None = None

    def picture(self, depth: NDArray[Any]) -> NDArray[np.uint8]:
        """Return uint8 (H, W, 3): near red, far blue, no measurement black."""
        if self._table is None or self._follow:
            self.fit(depth)
        if self._table is None:
            return np.zeros((*depth.shape, 3), np.uint8)
        return np.take(self._table, depth, axis=0)

    def jpeg(self, packet: bytes, quality: int) -> bytes:
        """Render a stored depth packet as a JPEG for people. Raises DecodeError if it is not one."""
        return encode_jpeg(self.picture(depth_of_packet(packet)), quality)

    def fit(self, depth: NDArray[Any]) -> bool:
        """Set the range from `depth` if it differs much from the current one.

        Return False if `depth` has no measurement.
        """
        sample = depth[::_SPARSE, ::_SPARSE]
        measured = sample[sample > 0]
        if not measured.size:
            return False
        near, far = (float(each) for each in np.percentile(measured, [1, 99]))
        # Without a least range, a flat scene would show noise in all colours.
        margin = max(0.0, _MIN_SPAN * (near + far) / 2 - (far - near)) / 2
        near, far = near - margin, far + margin
        if self._range is not None:
            old_near, old_far = self._range
            if max(abs(near - old_near), abs(far - old_far)) < _TOLERANCE * (old_far - old_near):
                return True
        self._range = near, far
        self._table = depth_picture(np.arange(2**16, dtype=np.uint16)[None], near, far)[0]
        return True
