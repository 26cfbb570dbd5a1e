"""Convert frames to RGB by the colour matrix and range that their stream states.

By default the scaler reads every YUV as BT.601, and some full-range formats as limited.
"""

from __future__ import annotations

from functools import lru_cache

import av
from av.video.reformatter import ColorRange, VideoReformatter

# Numbers of ITU-T H.273 -> the scaler's: BT.709, FCC, SMPTE 240M, BT.2020. All others are read as BT.601.
_MATRICES = {1: 1, 4: 4, 7: 7, 9: 9, 10: 9}
_BT601 = 5


def to_rgb(
    reformatter: VideoReformatter,
    frame: av.VideoFrame,
    size: tuple[int, int] | None = None,
    *,
    pix_fmt: str = "rgb24",
) -> av.VideoFrame:
    """Return `frame` as RGB, by the matrix and range that it states; BT.601 and limited range if it states none.

    `size`, (width, height) in pixels, also scales it. `pix_fmt` is FFmpeg's name of the layout of the pixels.
    """
    width, height = size or (frame.width, frame.height)
    if not _states_colours(frame):
        return reformatter.reformat(frame, width, height, format=pix_fmt)
    return reformatter.reformat(
        frame,
        width,
        height,
        format=pix_fmt,
        src_colorspace=_MATRICES.get(int(frame.colorspace), _BT601),
        dst_colorspace=_BT601,
        src_color_range=ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG,
    )


def is_plain(frame: av.VideoFrame) -> bool:
    """Return whether the scaler's defaults read the colours of `frame` correctly."""
    return not _states_colours(frame)


def _states_colours(frame: av.VideoFrame) -> bool:
    """Return whether `frame` states a matrix or a range that differs from the scaler's defaults."""
    name = frame.format.name
    if not _has_chroma(name):
        return False
    return int(frame.colorspace) in _MATRICES or (_is_full(frame) and not name.startswith("yuvj"))


@lru_cache(maxsize=256)
def _has_chroma(name: str) -> bool:
    """Return whether FFmpeg's pixel format `name` holds luma and chroma: yuv420p, nv12, yuyv422, p010le, ..."""
    pixels = av.VideoFormat(name)
    return len(pixels.components) >= 3 and not pixels.is_rgb and not pixels.has_palette


def _is_full(frame: av.VideoFrame) -> bool:
    """Return whether `frame` has full range."""
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == int(ColorRange.JPEG)
