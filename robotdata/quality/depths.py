"""Depth that the scale cannot hold: it is in the take, and would be clipped in the episode's video."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robotdata.spool import CameraTrack, SpoolError
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.scale import DepthScale
from robotdata.video.errors import VideoError

_SAMPLES = 20


def clipped_share(track: CameraTrack, frame: NDArray[np.int64], scale: DepthScale) -> float:
    """The share of what was measured in a few frames, `frame` int64 (ticks,), that lies outside of `scale`."""
    used = frame[frame >= 0]
    low, high = scale.depth_min * 1000, scale.depth_max * 1000
    measured = outside = 0
    for at in used[:: max(1, len(used) // _SAMPLES)].tolist():
        try:
            depth = depth_of_packet(track.packet(at))
        except (SpoolError, VideoError, OSError):
            continue  # said by those who look at every sample
        known = depth[depth > 0]
        measured += known.size
        outside += int(((known < low) | (known > high)).sum())
    return round(outside / measured, 4) if measured else 0.0
