"""Decode a whole video and count: the only proof that rows and frames agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from robotdata.video.colours import to_rgb
from robotdata.video.decode import VideoDecoder
from robotdata.video.errors import BrokenVideoError, FrameCountError, NotAVideoError
from robotdata.video.index import MAX_PIXELS, open_video_stream
from robotdata.video.sources import FrameConverter, Picture
from robotdata.video.video_file import require_video_file

Look = Callable[[int, Callable[[], NDArray[np.uint8]]], None]
"""Is told a frame's number, and may ask for the frame: RGB, uint8 (H, W, 3)."""


@dataclass(frozen=True, slots=True)
class VideoCheck:
    """What decoding every frame found. `claimed_frames` is the header's word, `frames` was counted."""

    path: Path
    frames: int
    claimed_frames: int
    width: int
    height: int


def verify_video(path: Path | str, *, expected_frames: int | None = None, look: Look | None = None) -> VideoCheck:
    """Decode every frame of `path` and count them.

    `look` is called for each frame, in the order in which they are shown, so that who wants some of them need not
    decode the video again; what it has seen of a video that turns out to be broken is worth nothing.
    Raises NotAVideoError, BrokenVideoError naming the first frame that does not decode, and FrameCountError
    where the count is not `expected_frames`.
    """
    path = Path(path)
    require_video_file(path)
    container, stream = open_video_stream(path)
    with container:
        stream.thread_type = "AUTO"
        # A damaged frame must be an error, not something drawn over.
        stream.codec_context.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
        count, packets, hidden, reformatter = 0, 0, 0, VideoReformatter()
        try:
            for packet in container.demux(stream):
                packets += packet.size > 0
                hidden += packet.is_discard
                for frame in packet.decode():
                    count += 1
                    if frame.is_corrupt:
                        raise BrokenVideoError(f"{path}: frame {count - 1} is damaged", count - 1)
                    if look is not None:
                        look(count - 1, partial(_rgb, reformatter, frame))
        except av.error.FFmpegError as error:
            raise BrokenVideoError(f"{path} breaks at frame {count}: {error}", count) from error
        check = VideoCheck(path, count, stream.frames, stream.width, stream.height)
    if not count:
        raise NotAVideoError(f"{path} has a video stream without any frame")
    # What an edit list hides is in the file's tables, but no decoder gives it.
    lost = (packets - hidden if hidden else max(packets, check.claimed_frames)) - count
    if expected_frames is not None and count != expected_frames:
        raise FrameCountError(f"{path} has {count} frames, not {expected_frames}", expected_frames, count)
    if lost > 0:
        raise BrokenVideoError(f"{path}: {lost} of {count + lost} frames do not decode", count)
    return check


@dataclass(frozen=True, slots=True)
class Comparison:
    """How close a video is to its source: the frame that is farthest off, and its PSNR in dB."""

    frames: int
    worst_frame: int
    worst_psnr_db: float


def compare_video(path: Path | str, pictures: Iterable[Picture], *, least_psnr_db: float = 20.0) -> Comparison:
    """Decode `path` beside its source `pictures` and compare them frame by frame, in the video's pixel format.

    Raises FrameCountError if one of the two ends first, BrokenVideoError if a frame does not decode or is
    less than `least_psnr_db` like its source: then it is another picture, or a damaged one.
    """
    path = Path(path)
    converter, video = FrameConverter(), FrameConverter()
    worst, worst_frame, count = math.inf, 0, 0
    with VideoDecoder(path) as decoder:
        for made, picture in zip_longest(decoder.native_frames(), pictures):
            if made is None or picture is None:
                both = ("the source", "the video") if made is None else ("the video", "the source")
                raise FrameCountError(f"{path}: {both[0]} has more frames than {both[1]}'s {count}", count, count)
            pix_fmt = made.format.name.replace("yuvj", "yuv")
            source = converter.convert(converter.open(picture), pix_fmt)
            likeness = _psnr_db(video.convert(made, pix_fmt), source)
            if likeness < least_psnr_db:
                raise BrokenVideoError(
                    f"{path}: frame {count} is not its source's ({likeness:.1f} dB, want {least_psnr_db})", count
                )
            if likeness < worst:
                worst, worst_frame = likeness, count
            count += 1
    return Comparison(count, worst_frame, worst)


def _rgb(reformatter: VideoReformatter, frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(to_rgb(reformatter, frame).to_ndarray(), np.uint8)


def _psnr_db(one: av.VideoFrame, other: av.VideoFrame) -> float:
    if (one.width, one.height) != (other.width, other.height):
        return 0.0
    bits = one.format.components[0].bits
    squares, count = 0.0, 0
    for mine, theirs in zip(_planes(one, bits), _planes(other, bits), strict=True):
        squares += float(np.sum(np.square(mine.astype(np.float32) - theirs), dtype=np.float64))
        count += mine.size
    return 10 * math.log10((2**bits - 1) ** 2 * count / squares) if squares else math.inf


def _planes(frame: av.VideoFrame, bits: int) -> Iterator[NDArray[Any]]:
    """Each plane's samples, (height, width): uint8, or uint16 where they have more than eight bits."""
    kind = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    for plane in frame.planes:
        rows: NDArray[Any] = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)
        yield rows[: plane.height, : plane.width]
