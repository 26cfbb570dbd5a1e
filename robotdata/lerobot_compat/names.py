"""LeRobot's video functions, implemented with `robotdata.video`."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np

from robotdata.lerobot_compat.backends import automatic_backend, decode_with, require_known, require_torch
from robotdata.video.cache import VideoDecoderCache, from_cache
from robotdata.video.codecs import DEFAULT_CODEC, EncodeSettings
from robotdata.video.decode import VideoDecoder
from robotdata.video.depth.scale import DepthScale
from robotdata.video.depth.video import depth_codes, encode_depth, folder_depths
from robotdata.video.encode import EncodedVideo, Progress, encode_frames
from robotdata.video.errors import DecodeError, FrameTimestampError, NothingToJoinError
from robotdata.video.facts import get_video_info as stream_info
from robotdata.video.facts import probe
from robotdata.video.reencoding import reencode
from robotdata.video.remux import JoinedVideo, join_videos
from robotdata.video.sources import folder_pictures, packet_file

log = logging.getLogger(__name__)

_FLOAT_SLACK_S = 1e-9
_AV1 = "av1"
_SETTINGS = ("pix_fmt", "g", "crf", "preset", "fast_decode", "extra_options")
_default_cache: VideoDecoderCache | None = None


def encode_video_frames(
    imgs_dir: Path | str,
    video_path: Path | str,
    fps: int | float,
    video_encoder: object | str | None = None,
    encoder_threads: int | None = None,
    *,
    log_level: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> EncodedVideo:
    """Encode a folder of `frame-000000.png` …, or a take's packet file, as an MP4.

    `video_encoder` is LeRobot's configuration (an object with `vcodec`, `pix_fmt`, `g`, `crf`, `preset`, `fast_decode`,
    `extra_options`), an EncodeSettings, or the name of a codec; `options` with these names override it. If it is
    LeRobot's configuration of a depth camera, the folder holds depth maps, `frame-000000.tiff` …. `log_level` sets
    FFmpeg's log level for this and later calls; None does not change it. Raises EncodeError and its subclasses, and
    NoFramesError for an empty folder.
    """
    if log_level is not None:
        logging.getLogger("libav").setLevel(log_level)
    source = Path(imgs_dir)
    settings = settings_from(video_encoder, encoder_threads, options)
    arguments: dict[str, Any] = {"fps": fps, "settings": settings, "progress": progress, "overwrite": overwrite}
    if (scale := _scale_of(video_encoder)) is not None:
        return encode_depth(folder_depths(source), Path(video_path), scale=scale, **arguments)
    images = packet_file(source) if source.is_file() else folder_pictures(source)
    return encode_frames(images, Path(video_path), **arguments)


def settings_from(
    encoder: object | str | None, threads: int | None = None, options: Mapping[str, Any] | None = None
) -> EncodeSettings:
    """Return EncodeSettings for LeRobot's configuration, a codec's name, or EncodeSettings. `options` override it.

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
    if values.get("codec") == _AV1:  # the codec's name in a stream, which LeRobot also accepts for its encoder
        values["codec"] = DEFAULT_CODEC
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
    is_depth: bool = False,
    cache: VideoDecoderCache | None = None,
) -> Any:
    """Decode the frames nearest to `timestamps` (seconds from the start of the file), in that order.

    Return uint8 (N, H, W, 3); with `tensor` a torch tensor (N, 3, H, W), float32 in [0, 1], or uint8 with
    `return_uint8`. With `is_depth` return the 12-bit codes of a depth video, uint16 (N, H, W, 1), or (N, 1, H, W) as a
    tensor; `dequantize_depth` converts them to depth.

    `backend` is `pyav`, `torchcodec`, `video_reader` or `npu`. None chooses one, logs the choice, and falls back to
    `pyav` if it fails. Depth is always decoded by `pyav`. Raises FrameTimestampError if no frame is within
    `tolerance_s`, BackendMissingError, and DecodeError.
    """
    backend_name = _backend(backend, tensor, is_depth)
    times = _seconds(timestamps)
    if not isinstance(tolerance_s, SupportsFloat) or not float(tolerance_s) >= 0:
        raise DecodeError(f"tolerance_s={tolerance_s}: expected seconds, 0 or more")

    def read(decoder: VideoDecoder) -> Any:
        numbers = _numbers(decoder, times, tolerance_s, backend_name)
        if is_depth:
            frames = _codes(decoder, numbers)
        elif backend is None:
            frames = _read_or_fall_back(backend_name, decoder, numbers)
        else:
            frames = decode_with(backend_name, decoder, numbers)
        return frames, (decoder.index.height, decoder.index.width)

    frames, (height, width) = from_cache(_shared_cache() if cache is None else cache, video_path, read)
    empty = np.empty((0, height, width, 1), np.uint16) if is_depth else np.empty((0, height, width, 3), np.uint8)
    stacked = np.stack(frames) if frames else empty
    if not tensor:
        return stacked
    torch = require_torch()
    images = torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()
    return images if return_uint8 or is_depth else images.to(torch.float32) / 255


def reencode_video(
    input_video_path: Path | str,
    output_video_path: Path | str,
    video_encoder: object | str | None = None,
    encoder_threads: int | None = None,
    log_level: int | None = None,
    overwrite: bool = False,
    start_time_s: float | None = None,
    end_time_s: float | None = None,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> EncodedVideo:
    """Re-encode the frames of a video shown in [start_time_s, end_time_s).

    The settings are those of `encode_video_frames`. Raises as `reencode`.
    """
    if log_level is not None:
        logging.getLogger("libav").setLevel(log_level)
    return reencode(
        input_video_path,
        output_video_path,
        settings=settings_from(video_encoder, encoder_threads, options),
        start_s=start_time_s,
        end_s=end_time_s,
        overwrite=overwrite,
        progress=progress,
    )


def concatenate_video_files(
    input_video_paths: Sequence[Path | str],
    output_video_path: Path | str,
    overwrite: bool = True,
    compatibility_check: bool = True,
    *,
    fps: int | float | Fraction | None = None,
) -> JoinedVideo:
    """Join videos without re-encoding them. `fps` defaults to the rate of the first one.

    The videos are always checked for compatibility, whatever `compatibility_check` is. Raises JoinError and its
    subclasses.
    """
    paths = [] if isinstance(input_video_paths, str | Path) else [Path(path) for path in input_video_paths]
    if not paths:
        raise NothingToJoinError(f"{output_video_path}: no videos to join; give a list of paths")
    rate = probe(paths[0]).rate if fps is None else fps
    return join_videos(paths, Path(output_video_path), fps=rate, overwrite=overwrite)


def get_video_info(
    video_path: Path | str,
    video_encoder: object | str | None = None,
    *,
    settings: EncodeSettings | None = None,
    is_depth_map: bool = False,
) -> dict[str, Any]:
    """Return the `info` of a camera in `info.json`, read from the file.

    `video_encoder` (as in `encode_video_frames`) or `settings` adds what the stream does not contain: g, crf, preset
    and others, and the quantization of depth. Raises NotAVideoError.
    """
    if settings is None and video_encoder is not None:
        settings = settings_from(video_encoder)
    scale = _scale_of(video_encoder)
    info = stream_info(video_path, settings=settings, is_depth_map=is_depth_map or scale is not None)
    if scale is not None:
        info |= {key: value for key, value in scale.info("mm").items() if key.startswith("video.")}
    return info


def _scale_of(encoder: object | str | None) -> DepthScale | None:
    """Return the quantization of LeRobot's depth configuration, or None for any other configuration."""
    if not hasattr(encoder, "depth_min"):
        return None
    return DepthScale(*(getattr(encoder, name) for name in ("depth_min", "depth_max", "shift", "use_log")))


def _seconds(timestamps: Iterable[float]) -> list[float]:
    """Return the timestamps as floats. Raises DecodeError."""
    try:
        return [float(time) for time in timestamps]
    except (TypeError, ValueError) as error:
        raise DecodeError(f"timestamps={timestamps!r:.200}: expected a list of seconds") from error


def _read_or_fall_back(chosen: str, decoder: VideoDecoder, numbers: Sequence[int]) -> list[Any]:
    """Decode with the chosen backend; if it fails, with pyav.

    torchcodec uses the system's FFmpeg, which may lack a codec.
    """
    try:
        return decode_with(chosen, decoder, numbers)
    except DecodeError as error:
        if chosen == "pyav":
            raise
        _warn_once(str(decoder.path), str(error.__cause__ or error))
        return decode_with("pyav", decoder, numbers)


@lru_cache(maxsize=256)
def _warn_once(path: str, reason: str) -> None:
    """Log once per video and reason that pyav is used instead."""
    log.warning("%s: %s; using pyav", path, reason)


def _codes(decoder: VideoDecoder, numbers: Sequence[int]) -> list[Any]:
    """Return the depth codes of the frames, uint16 (H, W, 1) each."""
    return [depth_codes(decoder, number)[..., None] for number in numbers]


def _shared_cache() -> VideoDecoderCache:
    """Return the decoder cache of this process, which is cleared at exit."""
    global _default_cache
    if _default_cache is None:
        _default_cache = VideoDecoderCache()
        atexit.register(_default_cache.clear)
    return _default_cache


def _backend(backend: str | None, tensor: bool, is_depth: bool) -> str:
    """Return the name of the backend to use. Raises DecodeError for an unknown one."""
    if backend is not None:
        require_known(backend)
    return "pyav" if is_depth else backend or automatic_backend(tensor)


def _numbers(decoder: VideoDecoder, times: Sequence[float], tolerance_s: float, backend: str) -> list[int]:
    """Return the frame numbers nearest to `times`. Raises FrameTimestampError if one is too far away."""
    numbers = [decoder.index.frame_at(time) for time in times]
    loaded = [decoder.index.time_s(number) for number in numbers]
    far = [
        pair for pair in zip(times, loaded, strict=True) if not abs(pair[0] - pair[1]) <= tolerance_s + _FLOAT_SLACK_S
    ]
    if far:
        raise FrameTimestampError(
            f"{len(far)} of {len(loaded)} times have no frame within {tolerance_s} s; the first: "
            f"requested {far[0][0]}, nearest {far[0][1]}.\nqueried: {times}\nloaded: {loaded}\n"
            f"video: {decoder.path}\nbackend: {backend}",
            times,
            loaded,
            decoder.path,
            backend,
        )
    return numbers
