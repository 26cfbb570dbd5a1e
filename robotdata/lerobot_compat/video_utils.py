"""LeRobot 0.6's video module with the same names, arguments and results: only the import line changes.

from robotdata.lerobot_compat.video_utils import decode_video_frames

Decoding returns torch tensors, (N, C, H, W), where `robotdata.video` returns arrays, (N, H, W, C). Intended
differences: an output that exists is an error instead of a step that is skipped silently, a frame exactly at the
tolerance is accepted, and errors contain more detail.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robotdata.lerobot_compat.frame_type import VideoFrame
from robotdata.lerobot_compat.names import concatenate_video_files, encode_video_frames, get_video_info, reencode_video
from robotdata.lerobot_compat.names import decode_video_frames as _decode
from robotdata.video.cache import DEFAULT_SIZE as DEFAULT_DECODER_CACHE_SIZE
from robotdata.video.cache import VideoDecoderCache
from robotdata.video.decode import VideoDecoder
from robotdata.video.errors import FrameTimestampError
from robotdata.video.facts import get_audio_info, get_video_duration_in_s, get_video_pixel_channels

__all__ = [
    "DEFAULT_DECODER_CACHE_SIZE",
    "FrameTimestampError",
    "VideoDecoderCache",
    "VideoFrame",
    "concatenate_video_files",
    "decode_video_frames",
    "decode_video_frames_pyav",
    "decode_video_frames_torchcodec",
    "encode_video_frames",
    "get_audio_info",
    "get_video_duration_in_s",
    "get_video_info",
    "get_video_pixel_channels",
    "reencode_video",
]

log = logging.getLogger(__name__)


def decode_video_frames(
    video_path: Path | str,
    timestamps: Sequence[float],
    tolerance_s: float,
    backend: str | None = None,
    return_uint8: bool = False,
    is_depth: bool = False,
) -> Any:
    """Decode frames as a torch tensor (N, 3, H, W), float32 in [0, 1], or uint8 with `return_uint8`.

    With `is_depth` return the codes of a depth video, uint16 (N, 1, H, W). `video_reader` means `pyav`, as in LeRobot
    0.6. Raises as `robotdata.video.decode_video_frames`.
    """
    if backend == "video_reader":
        log.warning("backend video_reader is an alias of pyav here; use pyav")
        backend = "pyav"
    return _decode(
        video_path, timestamps, tolerance_s, backend, tensor=True, return_uint8=return_uint8, is_depth=is_depth
    )


def decode_video_frames_pyav(
    video_path: Path | str,
    timestamps: Sequence[float],
    tolerance_s: float,
    log_loaded_timestamps: bool = False,
    return_uint8: bool = False,
    is_depth: bool = False,
) -> Any:
    """Decode as `decode_video_frames` with PyAV. `log_loaded_timestamps` logs the timestamps of the returned frames."""
    times = list(timestamps)
    frames = decode_video_frames(video_path, times, tolerance_s, "pyav", return_uint8, is_depth)
    if log_loaded_timestamps:
        _log_loaded(video_path, times)
    return frames


def decode_video_frames_torchcodec(
    video_path: Path | str,
    timestamps: Sequence[float],
    tolerance_s: float,
    log_loaded_timestamps: bool = False,
    decoder_cache: VideoDecoderCache | None = None,
    return_uint8: bool = False,
) -> Any:
    """Decode as `decode_video_frames` with torchcodec and the decoders of `decoder_cache`."""
    times = list(timestamps)
    frames = _decode(
        video_path, times, tolerance_s, "torchcodec", tensor=True, return_uint8=return_uint8, cache=decoder_cache
    )
    if log_loaded_timestamps:
        _log_loaded(video_path, times)
    return frames


def _log_loaded(path: Path | str, times: Sequence[float]) -> None:
    """Log the timestamps of the frames nearest to `times`."""
    with VideoDecoder(path) as decoder:
        loaded = [decoder.index.time_s(decoder.index.frame_at(float(time))) for time in times]
    log.info("%s: frames loaded at %s s", path, ", ".join(f"{time:.4f}" for time in loaded))
