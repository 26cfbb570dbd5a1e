"""Measure how much depth lies outside a camera's depth scale: the take holds it, the episode's video clips it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robotdata.spool import CameraTrack, SpoolError
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.scale import DepthScale
from robotdata.video.errors import VideoError

_SAMPLES = 20
"""Frames that are decoded per camera."""


def clipped_share(track: CameraTrack, frame: NDArray[np.int64], scale: DepthScale) -> float:
    """Return the share of measured depth values outside `scale`, in about twenty frames.

    `frame` int64 (ticks,): the stored frame of each tick, -1 for none. Values of 0 were not measured and do not count.
    Frames that cannot be read are skipped.
    """
    used = frame[frame >= 0]
    low, high = scale.depth_min * 1000, scale.depth_max * 1000
    measured = outside = 0
    for index in used[:: max(1, len(used) // _SAMPLES)].tolist():
        try:
            depth = depth_of_packet(track.packet(index))
        except (SpoolError, VideoError, OSError):
            continue  # `sample_frames` reports damaged frames
        values = depth[depth > 0]
        measured += values.size
        outside += int(((values < low) | (values > high)).sum())
    return round(outside / measured, 4) if measured else 0.0
