"""Find the frames of a video that can be copied without re-encoding."""

from __future__ import annotations

import numpy as np

from robotdata.video.errors import NotAKeyframeError
from robotdata.video.index import PacketIndex


def copyable_range(index: PacketIndex, first: int, end: int, low: int, high: int) -> tuple[int, int]:
    """Return the smallest range around frames [first, end) within [low, high) whose packets can be copied alone.

    It begins at or before `first`, at a keyframe where a file can begin. It ends at `end`, or later if frames are
    stored out of order. Raises NotAKeyframeError if there is no such range.
    """
    for begin in index.key_frames[(index.key_frames >= low) & (index.key_frames <= first)][::-1]:
        packets = index.order[int(begin) : high]
        start = int(packets[0])
        if not index.access(start).restarts:
            continue
        counts = np.arange(1, len(packets) + 1)
        # A range is complete if its packets are consecutive in the file and the first frame's packet comes first.
        is_complete = (np.maximum.accumulate(packets) - start + 1 == counts) & (np.minimum.accumulate(packets) == start)
        ends = np.flatnonzero(is_complete & (counts >= end - int(begin)))
        if len(ends):
            return int(begin), int(begin) + int(counts[ends[0]])
    raise NotAKeyframeError(
        f"{index.path}: frames {first} to {end - 1} cannot be copied: no keyframe at which a "
        f"file can begin is at or before them, from {low} on; trim less, or re-encode the video"
    )
