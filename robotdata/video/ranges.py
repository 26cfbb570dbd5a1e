"""Which frames of a video can be copied without encoding: from a keyframe on, with all that they need between them."""

from __future__ import annotations

import numpy as np

from robotdata.video.errors import NotAKeyframeError
from robotdata.video.index import PacketIndex


def copyable_range(index: PacketIndex, first: int, end: int, low: int, high: int) -> tuple[int, int]:
    """Return the smallest range around frames [first, end) within [low, high) whose packets can be copied alone.

    It begins at a keyframe at which a file can begin, at or before `first`; it ends at `end`, or later where frames are
    decoded out of their order. Raises NotAKeyframeError if there is none.
    """
    for begin in index.key_frames[(index.key_frames >= low) & (index.key_frames <= first)][::-1]:
        packets = index.order[int(begin) : high]
        start = int(packets[0])
        if not index.access(start).restarts:
            continue
        counts = np.arange(1, len(packets) + 1)
        # Whole is a range whose packets are neighbours in the file, its first frame's first of all.
        whole = (np.maximum.accumulate(packets) - start + 1 == counts) & (np.minimum.accumulate(packets) == start)
        ends = np.flatnonzero(whole & (counts >= end - int(begin)))
        if len(ends):
            return int(begin), int(begin) + int(counts[ends[0]])
    raise NotAKeyframeError(
        f"{index.path}: frames {first} to {end - 1} cannot be copied: no keyframe at which a "
        f"file can begin is at or before them, from {low} on; trim less, or re-encode the video"
    )
