"""Read the properties of a video file from its streams, without decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from robotdata.video.codecs import EncodeSettings
from robotdata.video.errors import VideoError
from robotdata.video.index import index_video, open_container, open_video_stream
from robotdata.video.rates import plain_rate
from robotdata.video.video_file import require_video_file


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The properties of a video file.

    `claimed_frames` and `duration_s` come from the header; 0 if it does not state them. `counted_frames` is None unless
    packets were counted.
    """

    path: Path
    codec: str
    codec_tag: str
    width: int
    height: int
    pix_fmt: str
    channels: int
    rate: Fraction
    average_rate: Fraction
    duration_s: float
    claimed_frames: int
    counted_frames: int | None
    size_bytes: int
    color_range: int
    colorspace: int
    audio: dict[str, Any] | None

    @property
    def fps(self) -> float:
        """Frames per second as the stream states them."""
        return float(self.rate)

    @property
    def frames(self) -> int:
        """The counted number of frames, or the header's if they were not counted."""
        return self.claimed_frames if self.counted_frames is None else self.counted_frames


def probe(path: Path | str, *, count: bool = False) -> VideoFacts:
    """Return the properties of the video at `path`. `count` also counts its packets, which reads the whole file once.

    Raises NotAVideoError, and BrokenVideoError if the packets cannot be counted.
    """
    path = Path(path)
    require_video_file(path)
    container, stream = open_video_stream(path)
    with container:
        context = stream.codec_context
        pix_fmt = context.pix_fmt or ""
        facts = VideoFacts(
            path=path,
            codec=context.codec.canonical_name,
            codec_tag=context.codec_tag,
            width=context.width,
            height=context.height,
            pix_fmt=pix_fmt,
            channels=get_video_pixel_channels(pix_fmt) if pix_fmt else 0,
            rate=stream.base_rate or stream.average_rate or Fraction(0),
            average_rate=stream.average_rate or Fraction(0),
            duration_s=_duration_s(container, stream),
            claimed_frames=stream.frames,
            counted_frames=len(index_video(path)) if count else None,
            size_bytes=path.stat().st_size,
            color_range=context.color_range,
            colorspace=context.colorspace,
            audio=_audio_facts(container),
        )
    return facts


def get_video_info(
    path: Path | str, *, settings: EncodeSettings | None = None, is_depth_map: bool = False
) -> dict[str, Any]:
    """Return the `info` of a camera in `info.json`, read from the file.

    `settings` adds what the stream does not contain: g, crf, preset and others. Raises NotAVideoError.
    """
    facts = probe(path)
    info: dict[str, Any] = {
        "video.height": facts.height,
        "video.width": facts.width,
        "video.codec": facts.codec,
        "video.pix_fmt": facts.pix_fmt,
        "video.fps": plain_rate(facts.rate),
        "video.channels": facts.channels,
        "is_depth_map": is_depth_map,
        "has_audio": facts.audio is not None,
    }
    if facts.audio is not None:
        info |= facts.audio
    if settings is not None:
        preset = 12 if settings.preset is None and settings.codec == "libsvtav1" else settings.preset
        info |= {
            "video.g": settings.g,
            "video.crf": settings.crf,
            "video.preset": preset,
            "video.fast_decode": settings.fast_decode,
            "video.video_backend": "pyav",
            "video.extra_options": dict(settings.extra_options),
        }
    return info


def get_audio_info(video_path: Path | str) -> dict[str, Any]:
    """Return `has_audio` and the properties of the first audio stream.

    These are its bit rate in bit/s, sample rate in Hz, and others. The file need not have a video stream. Raises
    NotAVideoError.
    """
    path = Path(video_path)
    require_video_file(path)
    with open_container(path) as container:
        facts = _audio_facts(container)
    return {"has_audio": facts is not None, **(facts or {})}


def get_video_duration_in_s(video_path: Path | str) -> float:
    """Return the duration of the video stream in seconds, from the header. Raises NotAVideoError."""
    return probe(video_path).duration_s


def get_video_pixel_channels(pix_fmt: str) -> int:
    """Return how many components a pixel of this FFmpeg format has: yuv420p 3, gray12le 1, rgba 4."""
    try:
        return len(av.VideoFormat(pix_fmt).components)
    except ValueError as error:
        raise VideoError(f"{pix_fmt!r} is not a pixel format that FFmpeg knows") from error


def _duration_s(container: Any, stream: Any) -> float:
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _audio_facts(container: Any) -> dict[str, Any] | None:
    context = container.streams.audio[0].codec_context if container.streams.audio else None
    if context is None:
        return None
    return {
        "audio.channels": context.channels,
        "audio.codec": context.codec.canonical_name,
        "audio.bit_rate": context.bit_rate,
        "audio.sample_rate": context.sample_rate,
        "audio.bit_depth": context.format.bits if context.format else None,
        "audio.channel_layout": context.layout.name,
    }
