"""Decode a stream of compressed video that comes as packets without a file around them, as in logs of robots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from robotdata.video.colours import to_rgb
from robotdata.video.errors import DecodeError
from robotdata.video.index import MAX_PIXELS

DECODERS = {"h264": "h264", "h265": "hevc", "hevc": "hevc", "av1": "libdav1d", "vp9": "vp9"}
"""FFmpeg's decoder for each name that logs give a codec."""


class PacketDecoder:
    """Decodes packets of one stream in their order. Packets before the first keyframe yield nothing.

    Raises DecodeError for a codec that is not in DECODERS.
    """

    def __init__(self, codec: str) -> None:
        name = DECODERS.get(codec.lower())
        if name is None:
            raise DecodeError(f"a video with the codec {codec!r:.40}: want one of {', '.join(DECODERS)}")
        self._context: Any = av.CodecContext.create(name, "r")
        self._context.thread_count = 1
        self._context.flags |= av.codec.context.Flags.low_delay
        self._context.options = {"max_pixels": str(MAX_PIXELS)}
        self._reformatter = VideoReformatter()
        self._number = 0

    def decode(self, data: bytes) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield the frames that come out: the number of the packet of each, from 0, and RGB, uint8 (H, W, 3)."""
        packet = av.Packet(data)
        packet.pts = packet.dts = self._number
        self._number += 1
        yield from self._frames(packet)

    def flush(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield the frames that the decoder still holds, as `decode` does; afterwards it takes no more packets."""
        yield from self._frames(None)

    def _frames(self, packet: Any) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:  # before the first keyframe, or damaged: the next keyframe repairs it
            return
        for frame in frames:
            yield int(frame.pts or 0), np.asarray(to_rgb(self._reformatter, frame).to_ndarray(), np.uint8)
