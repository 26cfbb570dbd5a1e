"""Re-encode a video, or the frames of a time range."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotdata.video.codecs import DEPTH_PIX_FMT, EncodeSettings
from robotdata.video.decode import VideoDecoder
from robotdata.video.encode import EncodedVideo, Progress, encode_frames
from robotdata.video.errors import EncodeError, NoFramesError, UnknownOptionError
from robotdata.video.facts import probe
from robotdata.video.index import PacketIndex

_SLACK_S = 1e-9
_GRID_SLACK = 0.5


def reencode(
    path: Path | str,
    out: Path | str,
    *,
    settings: EncodeSettings | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> EncodedVideo:
    """Re-encode the frames of `path` shown in [start_s, end_s) seconds as the MP4 `out`, which begins at 0.

    Audio is not copied. Raises EncodeError and its subclasses, also if frames are not at a constant rate, and the
    errors of reading.
    """
    start = 0.0 if start_s is None else float(start_s)
    end = float("inf") if end_s is None else float(end_s)
    if not 0 <= start < end:
        raise EncodeError(f"from {start_s} to {end_s} s: want a span of time, 0 or later, that ends after it begins")
    rate = probe(path).rate
    with VideoDecoder(path) as decoder:
        numbers = _frames_between(decoder.index, start, end)
        if not numbers:
            raise NoFramesError(f"{path} shows no frame from {start:g} to {end:g} s; it has {len(decoder)} in all")
        _refuse_uneven(decoder.index, numbers, rate)
        if decoder.index.pix_fmt == DEPTH_PIX_FMT and (settings or EncodeSettings()).pix_fmt != DEPTH_PIX_FMT:
            raise UnknownOptionError(
                f"{path} holds depth, which only DEPTH_SETTINGS (lossless hevc, {DEPTH_PIX_FMT}) keep"
            )
        frames = decoder.native_frames(numbers)
        return encode_frames(frames, out, fps=rate, settings=settings, progress=progress, overwrite=overwrite)


def _times(index: PacketIndex) -> NDArray[np.float64]:
    """Return the times of all frames in seconds, float64 (frames,)."""
    times: NDArray[np.float64] = np.multiply(index.pts[index.order], float(index.time_base), dtype=np.float64)
    return times


def _frames_between(index: PacketIndex, start: float, end: float) -> range:
    """Return the frames shown in [start, end) seconds."""
    first, last = np.searchsorted(_times(index), [start - _SLACK_S, end - _SLACK_S])
    return range(int(first), int(last))


def _refuse_uneven(index: PacketIndex, numbers: range, rate: Fraction) -> None:
    """Raise EncodeError if a frame is more than half a frame away from a constant rate."""
    times = _times(index)[numbers.start : numbers.stop]
    off = np.abs((times - times[0]) * float(rate) - np.arange(len(times)))
    worst = int(np.argmax(off))
    if off[worst] > _GRID_SLACK:
        raise EncodeError(
            f"{index.path}: frame {numbers[worst]} is {off[worst]:.2f} frames off a constant {float(rate):g} frames "
            "per second; use encode_frames with the frames you want, at a rate you choose"
        )
