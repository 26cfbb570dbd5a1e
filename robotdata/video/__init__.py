"""Pictures <-> video: JPEG, encode, decode, cache, packets, join, cut, probe, verify. Knows no framework.

The names that LeRobot's users know are here, with our own beside them. Each is imported when it is first used,
so that a program that only reads packets does not load the encoders.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robotdata.video.cache import VideoDecoderCache, frame_jpeg
    from robotdata.video.codecs import EncodeSettings
    from robotdata.video.decode import VideoDecoder, open_video
    from robotdata.video.encode import EncodedVideo, encode_frames, encode_packets
    from robotdata.video.errors import (
        BrokenVideoError,
        DecodeError,
        EncodeError,
        FrameTimestampError,
        JoinError,
        NotAVideoError,
        SegmentMismatchError,
        VideoError,
    )
    from robotdata.video.facts import (
        VideoFacts,
        get_audio_info,
        get_video_duration_in_s,
        get_video_info,
        get_video_pixel_channels,
        probe,
    )
    from robotdata.video.mux import JoinedVideo, Segment, cut_video, join_videos
    from robotdata.video.verify import VideoCheck, verify_video

__all__ = [
    "BrokenVideoError",
    "DecodeError",
    "EncodeError",
    "EncodeSettings",
    "EncodedVideo",
    "FrameTimestampError",
    "JoinError",
    "JoinedVideo",
    "NotAVideoError",
    "Segment",
    "SegmentMismatchError",
    "VideoCheck",
    "VideoDecoder",
    "VideoDecoderCache",
    "VideoError",
    "VideoFacts",
    "cut_video",
    "encode_frames",
    "encode_packets",
    "frame_jpeg",
    "get_audio_info",
    "get_video_duration_in_s",
    "get_video_info",
    "get_video_pixel_channels",
    "join_videos",
    "open_video",
    "probe",
    "verify_video",
]

_HOME = {
    "cache": ["VideoDecoderCache", "frame_jpeg"],
    "codecs": ["EncodeSettings"],
    "decode": ["VideoDecoder", "open_video"],
    "encode": ["EncodedVideo", "encode_frames", "encode_packets"],
    "errors": [
        "BrokenVideoError",
        "DecodeError",
        "EncodeError",
        "FrameTimestampError",
        "JoinError",
        "NotAVideoError",
        "SegmentMismatchError",
        "VideoError",
    ],
    "mux": ["JoinedVideo", "Segment", "cut_video", "join_videos"],
    "facts": [
        "VideoFacts",
        "get_audio_info",
        "get_video_duration_in_s",
        "get_video_info",
        "get_video_pixel_channels",
        "probe",
    ],
    "verify": ["VideoCheck", "verify_video"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return __all__
