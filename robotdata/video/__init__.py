"""Encode, decode, index, join, cut and verify videos and JPEGs. This room does not use Django.

LeRobot's functions are available here under their names, beside robotdata's own. Each name is imported on first use, so
that a program that only reads packets does not load the encoders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotdata.files.lazy_names import import_on_use

if TYPE_CHECKING:
    from robotdata.lerobot_compat.frame_type import VideoFrame
    from robotdata.lerobot_compat.names import (
        concatenate_video_files,
        decode_video_frames,
        encode_video_frames,
        get_video_info,
        reencode_video,
    )
    from robotdata.video.cache import VideoDecoderCache, frame_jpeg
    from robotdata.video.codecs import EncodeSettings, check_picture_size
    from robotdata.video.decode import VideoDecoder, open_video
    from robotdata.video.depth.colours import DepthColours
    from robotdata.video.depth.packets import depth_of_packet, depth_packet
    from robotdata.video.depth.picture import depth_picture
    from robotdata.video.depth.quantize import dequantize_depth, quantize_depth
    from robotdata.video.depth.scale import DepthScale
    from robotdata.video.depth.video import decode_depth, decode_depths, encode_depth
    from robotdata.video.encode import EncodedVideo, encode_frames, encode_packets
    from robotdata.video.errors import (
        BackendMissingError,
        BrokenFrameError,
        BrokenVideoError,
        CodecUnavailableError,
        DecodeError,
        EncodeError,
        FrameCountError,
        FrameSizeError,
        FrameTimestampError,
        JoinError,
        MissingVideoError,
        NoFramesError,
        NotAKeyframeError,
        NotAVideoError,
        NothingToJoinError,
        OutputExistsError,
        SegmentMismatchError,
        UnknownCodecError,
        UnknownOptionError,
        VideoError,
    )
    from robotdata.video.facts import (
        VideoFacts,
        get_audio_info,
        get_video_duration_in_s,
        get_video_pixel_channels,
        probe,
    )
    from robotdata.video.hardware import codec_works, first_working_codec, working_hardware_codecs
    from robotdata.video.index import PacketIndex, index_video
    from robotdata.video.reencoding import reencode
    from robotdata.video.remux import JoinedVideo, Segment, cut_video, join_videos
    from robotdata.video.sources import folder_pictures, packet_file
    from robotdata.video.verify import Comparison, VideoCheck, compare_video, verify_video

__all__ = [
    "BackendMissingError",
    "BrokenFrameError",
    "BrokenVideoError",
    "CodecUnavailableError",
    "Comparison",
    "DecodeError",
    "DepthColours",
    "DepthScale",
    "EncodeError",
    "EncodeSettings",
    "EncodedVideo",
    "FrameCountError",
    "FrameSizeError",
    "FrameTimestampError",
    "JoinError",
    "JoinedVideo",
    "MissingVideoError",
    "NoFramesError",
    "NotAKeyframeError",
    "NotAVideoError",
    "NothingToJoinError",
    "OutputExistsError",
    "PacketIndex",
    "Segment",
    "SegmentMismatchError",
    "UnknownCodecError",
    "UnknownOptionError",
    "VideoCheck",
    "VideoDecoder",
    "VideoDecoderCache",
    "VideoError",
    "VideoFacts",
    "VideoFrame",
    "check_picture_size",
    "codec_works",
    "concatenate_video_files",
    "compare_video",
    "cut_video",
    "decode_depth",
    "decode_depths",
    "decode_video_frames",
    "depth_of_packet",
    "depth_packet",
    "depth_picture",
    "dequantize_depth",
    "encode_depth",
    "encode_frames",
    "encode_packets",
    "encode_video_frames",
    "first_working_codec",
    "folder_pictures",
    "frame_jpeg",
    "get_audio_info",
    "get_video_duration_in_s",
    "get_video_info",
    "get_video_pixel_channels",
    "index_video",
    "join_videos",
    "open_video",
    "packet_file",
    "probe",
    "quantize_depth",
    "reencode",
    "reencode_video",
    "verify_video",
    "working_hardware_codecs",
]

_NAMES_BY_MODULE = {
    "cache": ["VideoDecoderCache", "frame_jpeg"],
    "codecs": ["EncodeSettings", "check_picture_size"],
    "decode": ["VideoDecoder", "open_video"],
    "depth.packets": ["depth_of_packet", "depth_packet"],
    "depth.picture": ["depth_picture"],
    "depth.quantize": ["dequantize_depth", "quantize_depth"],
    "depth.video": ["decode_depth", "decode_depths", "encode_depth"],
    "depth.colours": ["DepthColours"],
    "depth.scale": ["DepthScale"],
    "encode": ["EncodedVideo", "encode_frames", "encode_packets"],
    "errors": [
        "BackendMissingError",
        "BrokenFrameError",
        "BrokenVideoError",
        "CodecUnavailableError",
        "DecodeError",
        "EncodeError",
        "FrameCountError",
        "FrameSizeError",
        "FrameTimestampError",
        "JoinError",
        "MissingVideoError",
        "NoFramesError",
        "NotAKeyframeError",
        "NotAVideoError",
        "NothingToJoinError",
        "OutputExistsError",
        "SegmentMismatchError",
        "UnknownCodecError",
        "UnknownOptionError",
        "VideoError",
    ],
    "facts": [
        "VideoFacts",
        "get_audio_info",
        "get_video_duration_in_s",
        "get_video_pixel_channels",
        "probe",
    ],
    "hardware": ["codec_works", "first_working_codec", "working_hardware_codecs"],
    "index": ["PacketIndex", "index_video"],
    "remux": ["JoinedVideo", "Segment", "cut_video", "join_videos"],
    "reencoding": ["reencode"],
    "sources": ["folder_pictures", "packet_file"],
    "verify": ["Comparison", "VideoCheck", "compare_video", "verify_video"],
}
_LEROBOT_NAMES_BY_MODULE = {
    "frame_type": ["VideoFrame"],
    "names": [
        "concatenate_video_files",
        "decode_video_frames",
        "encode_video_frames",
        "get_video_info",
        "reencode_video",
    ],
}
_MODULE_OF = {name: f"robotdata.video.{module}" for module, names in _NAMES_BY_MODULE.items() for name in names}
_MODULE_OF |= {
    name: f"robotdata.lerobot_compat.{module}" for module, names in _LEROBOT_NAMES_BY_MODULE.items() for name in names
}
__getattr__ = import_on_use(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
