"""Decode a whole video and count: the only proof that rows and frames agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

from robotdata.video.errors import BrokenVideoError, FrameCountError, NotAVideoError
from robotdata.video.files import require_video_file
from robotdata.video.index import open_video_stream


@dataclass(frozen=True, slots=True)
class VideoCheck:
    """What decoding every frame found. `claimed_frames` is the header's word, `frames` was counted."""

    path: Path
    frames: int
    claimed_frames: int
    width: int
    height: int


def verify_video(path: Path | str, *, expected_frames: int | None = None) -> VideoCheck:
    """Decode every frame of `path` and count them.

    Raises NotAVideoError, BrokenVideoError naming the first frame that does not decode, and FrameCountError
    where the count is not `expected_frames`.
    """
    path = Path(path)
    require_video_file(path)
    container, stream = open_video_stream(path)
    with container:
        stream.thread_type = "AUTO"
        # A damaged frame must be an error, not something drawn over.
        stream.codec_context.options = {"err_detect": "explode"}
        count, packets = 0, 0
        try:
            for packet in container.demux(stream):
                packets += packet.size > 0
                for frame in packet.decode():
                    count += 1
                    if frame.is_corrupt:
                        raise BrokenVideoError(f"{path}: frame {count - 1} is damaged", count - 1)
        except av.error.FFmpegError as error:
            raise BrokenVideoError(f"{path} breaks at frame {count}: {error}", count) from error
        check = VideoCheck(path, count, stream.frames, stream.width, stream.height)
    if not count:
        raise NotAVideoError(f"{path} has a video stream without any frame")
    lost = max(packets, check.claimed_frames) - count
    if expected_frames is not None and count != expected_frames:
        raise FrameCountError(f"{path} has {count} frames, not {expected_frames}", expected_frames, count)
    if lost > 0:
        raise BrokenVideoError(f"{path}: {lost} of {count + lost} frames do not decode", count)
    return check
