"""Encode chosen frames of a video as a new one, perhaps of another size."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import VideoReformatter

from robotdata.video.codecs import DEPTH_PIX_FMT, EncodeSettings
from robotdata.video.colours import to_rgb
from robotdata.video.decode import VideoDecoder
from robotdata.video.encode import EncodedVideo, Progress, encode_frames
from robotdata.video.errors import UnknownOptionError
from robotdata.video.index import PacketIndex


def recode_frames(
    path: Path,
    numbers: range,
    out: Path,
    *,
    fps: int | float | Fraction,
    settings: EncodeSettings,
    size: tuple[int, int] | None = None,
    index: PacketIndex | None = None,
    progress: Progress | None = None,
) -> EncodedVideo:
    """Encode frames `numbers` of `path` as the MP4 `out` at `fps` Hz, scaled to `size` (width, height) if given.

    The result is decoded and its frames are counted before it appears at `out`. Depth needs the settings of depth, and
    cannot be scaled. Raises EncodeError and its subclasses, and the errors of reading.
    """
    with VideoDecoder(path, index=index) as decoder:
        frames: Iterator[av.VideoFrame] = decoder.native_frames(numbers)
        if decoder.index.pix_fmt == DEPTH_PIX_FMT:
            if size is not None or settings.pix_fmt != DEPTH_PIX_FMT:
                raise UnknownOptionError(f"{path} holds depth, which only its own settings keep, at its own size")
        elif size is not None and size != (decoder.index.width, decoder.index.height):
            frames = _scaled(frames, size)
        return encode_frames(frames, out, fps=fps, settings=settings, progress=progress, overwrite=True, verify=True)


def _scaled(frames: Iterator[av.VideoFrame], size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    reformatter = VideoReformatter()
    for frame in frames:
        yield to_rgb(reformatter, frame, size)
