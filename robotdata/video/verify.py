"""Verify a video by decoding and counting every frame."""

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
"""Called with a frame's number and a function that returns the frame as RGB, uint8 (H, W, 3)."""


@dataclass(frozen=True, slots=True)
class VideoCheck:
    """The result of decoding every frame: `frames` were counted, `claimed_frames` is from the header."""

    path: Path
    frames: int
    claimed_frames: int
    width: int
    height: int


def verify_video(path: Path | str, *, expected_frames: int | None = None, look: Look | None = None) -> VideoCheck:
    """Decode and count every frame of `path`.

    `look` is called for each frame in presentation order, so that a caller that needs some frames does not decode the
    video again; if an exception is raised, what it got is not reliable. Raises NotAVideoError, BrokenVideoError with
    the first frame that does not decode, and FrameCountError if the count is not `expected_frames`.
    """
    path = Path(path)
    require_video_file(path)
    container, stream = open_video_stream(path)
    with container:
        stream.thread_type = "AUTO"
        # A damaged frame must raise an error instead of being concealed.
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
    # Packets that an edit list hides are in the file's tables but are not decoded.
    lost = (packets - hidden if hidden else max(packets, check.claimed_frames)) - count
    if expected_frames is not None and count != expected_frames:
        raise FrameCountError(f"{path} has {count} frames, not {expected_frames}", expected_frames, count)
    if lost > 0:
        raise BrokenVideoError(f"{path}: {lost} of {count + lost} frames do not decode", count)
    return check


@dataclass(frozen=True, slots=True)
class Comparison:
    """How similar a video is to its source: the frame with the lowest PSNR, and that PSNR in dB."""

    frames: int
    worst_frame: int
    worst_psnr_db: float


def compare_video(path: Path | str, pictures: Iterable[Picture], *, least_psnr_db: float = 20.0) -> Comparison:
    """Decode `path` and compare it with its source `pictures` frame by frame, in the video's pixel format.

    Raises FrameCountError if one ends before the other, and BrokenVideoError if a frame does not decode or its PSNR is
    below `least_psnr_db`, which means another or a damaged image.
    """
    path = Path(path)
    converter, video = FrameConverter(), FrameConverter()
    worst, worst_frame, count = math.inf, 0, 0
    with VideoDecoder(path) as decoder:
        for decoded, picture in zip_longest(decoder.native_frames(), pictures):
            if decoded is None or picture is None:
                longer, other = ("the source", "the video") if decoded is None else ("the video", "the source")
                raise FrameCountError(f"{path}: {longer} has more frames than {other}'s {count}", count, count)
            pix_fmt = decoded.format.name.replace("yuvj", "yuv")
            source = converter.convert(converter.open(picture), pix_fmt)
            psnr_db = _psnr_db(video.convert(decoded, pix_fmt), source)
            if psnr_db < least_psnr_db:
                raise BrokenVideoError(
                    f"{path}: frame {count} is not its source's ({psnr_db:.1f} dB, want {least_psnr_db})", count
                )
            if psnr_db < worst:
                worst, worst_frame = psnr_db, count
            count += 1
    return Comparison(count, worst_frame, worst)


def _rgb(reformatter: VideoReformatter, frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(to_rgb(reformatter, frame).to_ndarray(), np.uint8)


def _psnr_db(first: av.VideoFrame, second: av.VideoFrame) -> float:
    """Return the PSNR of two frames in dB over all planes; 0 if their sizes differ, infinity if they are equal."""
    if (first.width, first.height) != (second.width, second.height):
        return 0.0
    bits = first.format.components[0].bits
    squares, count = 0.0, 0
    for plane, reference in zip(_planes(first, bits), _planes(second, bits), strict=True):
        squares += float(np.sum(np.square(plane.astype(np.float32) - reference), dtype=np.float64))
        count += plane.size
    return 10 * math.log10((2**bits - 1) ** 2 * count / squares) if squares else math.inf


def _planes(frame: av.VideoFrame, bits: int) -> Iterator[NDArray[Any]]:
    """Yield the samples of each plane, (height, width): uint8, or uint16 if they have more than 8 bits."""
    kind = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    for plane in frame.planes:
        rows: NDArray[Any] = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)
        yield rows[: plane.height, : plane.width]
