"""LeRobot 0.6's video module by its names, arguments and results: change the import line, and nothing else.

    from robotdata.lerobot_compat.video_utils import decode_video_frames

gives torch tensors, (N, C, H, W), where `robotdata.video` gives arrays, (N, H, W, C). Better on purpose: an output that
exists is an error instead of a step left out in silence, a time at the tolerance is taken, and the errors say more.
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
    """Decode frames as a torch tensor (N, 3, H, W), float32 in [0, 1], or uint8 with `return_uint8`; with `is_depth`
    the codes of a depth video, uint16 (N, 1, H, W).

    `video_reader` is `pyav`, as in LeRobot 0.6. Raises as `robotdata.video.decode_video_frames`.
    """
    if backend == "video_reader":
        log.warning("video_reader is another name for pyav here; say pyav")
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
    """Decode as `decode_video_frames`, by PyAV; `log_loaded_timestamps` logs which frames were taken."""
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
    """Decode as `decode_video_frames`, by torchcodec, with the decoders of `decoder_cache`."""
    times = list(timestamps)
    frames = _decode(
        video_path, times, tolerance_s, "torchcodec", tensor=True, return_uint8=return_uint8, cache=decoder_cache
    )
    if log_loaded_timestamps:
        _log_loaded(video_path, times)
    return frames


def _log_loaded(path: Path | str, times: Sequence[float]) -> None:
    with VideoDecoder(path) as decoder:
        loaded = [decoder.index.time_s(decoder.index.frame_at(float(time))) for time in times]
    log.info("%s: frames loaded at %s s", path, ", ".join(f"{time:.4f}" for time in loaded))
