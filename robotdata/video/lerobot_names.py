"""The functions that LeRobot's users know, by their names, on top of this room."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.video.backends import automatic_backend, decode_with, require_torch
from robotdata.video.cache import VideoDecoderCache
from robotdata.video.codecs import EncodeSettings
from robotdata.video.decode import VideoDecoder
from robotdata.video.encode import EncodedVideo, Progress, encode_frames
from robotdata.video.errors import FrameTimestampError, JoinError
from robotdata.video.facts import probe
from robotdata.video.mux import JoinedVideo, join_videos
from robotdata.video.sources import folder_pictures, packet_file

_FLOAT_SLACK_S = 1e-9
_SETTINGS = ("pix_fmt", "g", "crf", "preset", "fast_decode", "extra_options")
_default_cache: VideoDecoderCache | None = None


def encode_video_frames(
    imgs_dir: Path | str,
    video_path: Path | str,
    fps: int | float,
    camera_encoder: object | str | None = None,
    encoder_threads: int | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> EncodedVideo:
    """A folder of `frame-000000.png` …, or a take's packet file, to an MP4.

    `camera_encoder` is LeRobot's configuration (anything with `vcodec`, `pix_fmt`, `g`, `crf`, `preset`,
    `fast_decode`, `extra_options`), our EncodeSettings, or a codec's name; single `options` of these names
    override it. The file is decoded and counted before it gets its name. Raises EncodeError's family, NoFramesError for
    an empty folder.
    """
    source = Path(imgs_dir)
    pictures = packet_file(source) if source.is_file() else folder_pictures(source)
    settings = settings_from(camera_encoder, encoder_threads, options)
    return encode_frames(pictures, Path(video_path), fps=fps, settings=settings, progress=progress, overwrite=overwrite)


def settings_from(
    encoder: object | str | None, threads: int | None = None, options: Mapping[str, Any] | None = None
) -> EncodeSettings:
    """Our settings from LeRobot's configuration, a codec's name, or ours; `options` override.

    Raises TypeError for an option that does not exist, UnknownCodecError and UnknownOptionError.
    """
    values: dict[str, Any] = {"threads": threads}
    if isinstance(encoder, str):
        values["codec"] = encoder
    elif encoder is not None:
        values["codec"] = getattr(encoder, "vcodec", None) or getattr(encoder, "codec", None)
        values |= {name: getattr(encoder, name) for name in _SETTINGS if hasattr(encoder, name)}
        if threads is None:
            values["threads"] = getattr(encoder, "threads", None)
    values |= options or {}
    if "vcodec" in values:
        values["codec"] = values.pop("vcodec")
    if values.get("extra_options") is None:
        values.pop("extra_options", None)
    return EncodeSettings(**values)


def decode_video_frames(
    video_path: Path | str,
    timestamps: Sequence[float],
    tolerance_s: float,
    backend: str | None = None,
    *,
    tensor: bool = False,
    return_uint8: bool = False,
    cache: VideoDecoderCache | None = None,
) -> Any:
    """The frames nearest to `timestamps` (seconds from the file's start), in that order.

    uint8 (N, H, W, 3); with `tensor` a torch tensor (N, 3, H, W), float32 in [0, 1], or uint8 with
    `return_uint8`. `backend` is `pyav`, `torchcodec`, `video_reader` or `npu`; None chooses, and says so.
    Raises FrameTimestampError where no frame is within `tolerance_s`, BackendMissingError, DecodeError.
    """
    chosen = backend or automatic_backend(tensor)
    decoder = (_shared_cache() if cache is None else cache).get_decoder(video_path)
    numbers = _numbers(decoder, timestamps, tolerance_s, chosen)
    frames = decode_with(chosen, decoder, numbers)
    stacked = np.stack(frames) if frames else np.empty((0, decoder.index.height, decoder.index.width, 3), np.uint8)
    if not tensor:
        return stacked
    torch = require_torch()
    pictures = torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()
    return pictures if return_uint8 else pictures.to(torch.float32) / 255


def concatenate_video_files(
    input_video_paths: Sequence[Path | str],
    output_video_path: Path | str,
    overwrite: bool = True,
    *,
    fps: int | float | Fraction | None = None,
) -> JoinedVideo:
    """Join videos by their packets; `fps` is the first one's unless given. Raises JoinError's family."""
    if not input_video_paths:
        raise JoinError(f"{output_video_path}: no videos to join")
    paths = [Path(path) for path in input_video_paths]
    rate = probe(paths[0]).rate if fps is None else fps
    return join_videos(paths, Path(output_video_path), fps=rate, overwrite=overwrite)


def _shared_cache() -> VideoDecoderCache:
    global _default_cache
    if _default_cache is None:
        _default_cache = VideoDecoderCache()
        atexit.register(_default_cache.clear)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)
    return _default_cache


def _forget() -> None:
    """A forked worker opens its own decoders: a lock that another thread held at the fork stays locked for ever."""
    global _default_cache
    _default_cache = None


def _numbers(decoder: VideoDecoder, timestamps: Sequence[float], tolerance_s: float, backend: str) -> list[int]:
    numbers = [decoder.index.frame_at(float(time)) for time in timestamps]
    loaded = [decoder.index.time_s(number) for number in numbers]
    far = [
        (asked, found)
        for asked, found in zip(timestamps, loaded, strict=True)
        if not abs(float(asked) - found) <= tolerance_s + _FLOAT_SLACK_S
    ]
    if far:
        raise FrameTimestampError(
            f"{len(far)} of {len(loaded)} times have no frame within {tolerance_s} s; the first: "
            f"asked {far[0][0]}, nearest {far[0][1]}.\nqueried: {list(timestamps)}\nloaded: {loaded}\n"
            f"video: {decoder.path}\nbackend: {backend}"
        )
    return numbers
