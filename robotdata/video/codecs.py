"""Encoders as data: their names, their options, and how settings map to FFmpeg's options.

Names and mapping are LeRobot's (`vcodec`, `g`, `crf`, `preset`, `fast_decode`), so that a dataset's `info.json` has the
same meaning in both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real

import av

from robotdata.video.errors import FrameSizeError, UnknownCodecError, UnknownOptionError

DEPTH_PIX_FMT = "gray12le"
"""The pixel format of depth videos: 12-bit codes."""

log = logging.getLogger(__name__)

AUTO = "auto"
DEFAULT_CODEC = "libsvtav1"
_EIGHT_BIT = ("yuv420p",)
_HARDWARE_FORMATS = ("yuv420p", "nv12")


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How to encode. The defaults are those of LeRobot 0.6.

    `g`: keyframe interval in frames. `crf`: quality; lower is better, not comparable between codecs. `threads`: an
    upper bound (None: the encoder decides). `extra_options`: options of the encoder, which never override the others.
    Raises UnknownCodecError and UnknownOptionError.
    """

    codec: str = DEFAULT_CODEC
    pix_fmt: str = "yuv420p"
    g: int | None = 2
    crf: int | float | None = 30
    preset: int | str | None = None
    fast_decode: int | None = 0
    threads: int | None = None
    extra_options: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.codec != AUTO and self.codec not in ENCODERS:
            raise UnknownCodecError(f"codec {self.codec!r}: want one of {', '.join([*ENCODERS, AUTO])}")
        for name, value, low, high, kind in (
            ("g", self.g, 1, 10_000, Integral),
            ("crf", self.crf, 0, 63, Real),
            ("fast_decode", self.fast_decode, 0, 2, Integral),
            ("threads", self.threads, 1, 256, Integral),
        ):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                expected = "a whole number" if kind is Integral else "a number"
                raise UnknownOptionError(f"{name}={value!r}: want {expected}, {low} to {high}")
        if isinstance(self.preset, bool) or not isinstance(self.preset, Integral | str | None):
            raise UnknownOptionError(f"preset={self.preset!r}: want a whole number or a name")
        if not isinstance(self.pix_fmt, str):
            raise UnknownOptionError(f"pix_fmt={self.pix_fmt!r}: want a pixel format's name, as yuv420p")
        if not isinstance(self.extra_options, Mapping):
            raise UnknownOptionError(f"extra_options={self.extra_options!r}: want a dictionary of options")


@dataclass(frozen=True, slots=True)
class Encoder:
    """One encoder: FFmpeg's name, the codec it writes, its pixel formats, limits and option names.

    `smallest`: least side in pixels. `narrowest`: least width in pixels.
    """

    ffmpeg_name: str
    codec: str
    pix_fmts: tuple[str, ...]
    options: Callable[[EncodeSettings], dict[str, str]]
    smallest: int = 2
    narrowest: int = 2
    hardware: bool = False


def _svt(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of libsvtav1."""
    if settings.crf is not None and settings.crf != int(settings.crf):
        raise UnknownOptionError(f"crf={settings.crf}: libsvtav1 takes whole numbers only")
    preset = 12 if settings.preset is None else settings.preset
    params = [] if settings.fast_decode is None else [f"fast-decode={settings.fast_decode}"]
    if settings.threads is not None:
        params.append(f"lp={settings.threads}")
    options = {**_quality(settings), "preset": str(preset)}
    return options | ({"svtav1-params": ":".join(params)} if params else {})


def _software(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of libx264, and those that libx265 shares."""
    options = _quality(settings)
    if settings.preset is not None:
        options["preset"] = str(settings.preset)
    if settings.fast_decode:
        options["tune"] = "fastdecode"
    if settings.threads is not None:
        options["threads"] = str(settings.threads)
    return options


def _x265(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of libx265."""
    given = str(settings.extra_options.get("x265-params", ""))
    # By default x265 writes to stderr and keeps its own thread pool beside FFmpeg's threads.
    params = ["log-level=error"]
    if "open-gop" not in given:
        # With open groups, some frames are shown before their keyframe, and readers that seek by time miss them.
        params.append("open-gop=0")
    if settings.threads is not None:
        params.append(f"pools={settings.threads}")
    return _software(settings) | {"x265-params": ":".join(params)}


def _aom(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of libaom-av1."""
    options = _quality(settings)
    if settings.preset is not None:
        options["cpu-used"] = str(settings.preset)
    if settings.threads is not None:
        options |= {"threads": str(settings.threads), "row-mt": "1"}
    return options


def _nvenc(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of NVENC encoders."""
    options = {"rc": "0", **_keyframes(settings), **_value("qp", settings.crf)}
    return options | _value("preset", settings.preset)


def _vaapi(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of VAAPI encoders."""
    return {**_keyframes(settings), **_value("qp", settings.crf)}


def _qsv(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of Quick Sync encoders."""
    options = {**_keyframes(settings), **_value("global_quality", settings.crf)}
    return options | _value("preset", settings.preset)


def _videotoolbox(settings: EncodeSettings) -> dict[str, str]:
    """Return the options of VideoToolbox encoders, whose quality goes from 1 to 100."""
    quality = None if settings.crf is None else max(1, min(100, int(100 - 2 * settings.crf)))
    return {**_keyframes(settings), **_value("q:v", quality)}


def _quality(settings: EncodeSettings) -> dict[str, str]:
    return {**_keyframes(settings), **_value("crf", settings.crf)}


def _keyframes(settings: EncodeSettings) -> dict[str, str]:
    return _value("g", settings.g)


def _value(name: str, value: object) -> dict[str, str]:
    return {} if value is None else {name: str(value)}


_H264_FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le")
_HEVC_FORMATS = ("yuv420p", "yuv420p10le", "gray12le")
_AV1_FORMATS = ("yuv420p", "yuv420p10le")

ENCODERS: dict[str, Encoder] = {
    # Below 32x32, SVT-AV1 crashes the process instead of failing.
    "libsvtav1": Encoder("libsvtav1", "av1", _AV1_FORMATS, _svt, smallest=32),
    "h264": Encoder("libx264", "h264", _H264_FORMATS, _software),
    # Up to a width of 48 pixels, x265's look-ahead writes beyond its buffer, which can crash the process.
    "hevc": Encoder("libx265", "hevc", _HEVC_FORMATS, _x265, smallest=16, narrowest=50),
    "libaom-av1": Encoder("libaom-av1", "av1", _AV1_FORMATS, _aom, smallest=16),
    "h264_videotoolbox": Encoder("h264_videotoolbox", "h264", _HARDWARE_FORMATS, _videotoolbox, hardware=True),
    "hevc_videotoolbox": Encoder("hevc_videotoolbox", "hevc", _HARDWARE_FORMATS, _videotoolbox, hardware=True),
    "h264_nvenc": Encoder("h264_nvenc", "h264", _HARDWARE_FORMATS, _nvenc, smallest=146, hardware=True),
    "hevc_nvenc": Encoder("hevc_nvenc", "hevc", _HARDWARE_FORMATS, _nvenc, smallest=146, hardware=True),
    "av1_nvenc": Encoder("av1_nvenc", "av1", _HARDWARE_FORMATS, _nvenc, smallest=192, hardware=True),
    "h264_vaapi": Encoder("h264_vaapi", "h264", _EIGHT_BIT, _vaapi, smallest=32, hardware=True),
    "h264_qsv": Encoder("h264_qsv", "h264", ("nv12",), _qsv, smallest=32, hardware=True),
}
"""The order of the hardware encoders is the order in which `auto` tries them."""


def encoder_options(settings: EncodeSettings) -> dict[str, str]:
    """Return FFmpeg's options for `settings`, all strings. `settings.codec` must not be `auto`."""
    options = {name: str(value) for name, value in settings.extra_options.items()}
    for name, value in ENCODERS[settings.codec].options(settings).items():
        # Lists of parameters are joined, ours last, so that neither replaces the other.
        joined = name.endswith("-params") and name in options
        options[name] = f"{options[name]}:{value}" if joined else value
    return options


def depth_params(params: str, width: int) -> str:
    """Return `x265-params` for depth of this width.

    x265 loses values if a coding block is exactly as wide as the image.
    """
    block = {64: 32, 32: 16}.get(width)
    return params if block is None or "ctu=" in params else f"{params}:ctu={block}"


def pixel_format(settings: EncodeSettings) -> str:
    """Return the pixel format to encode in: the requested one, or yuv420p with a warning if the codec lacks it.

    Raises UnknownOptionError for a name that is not a pixel format.
    """
    encoder = ENCODERS[settings.codec]
    if settings.pix_fmt in encoder.pix_fmts:
        return settings.pix_fmt
    try:
        av.VideoFormat(settings.pix_fmt)
    except ValueError as error:
        raise UnknownOptionError(
            f"pix_fmt={settings.pix_fmt!r} is not a pixel format; {settings.codec} takes {', '.join(encoder.pix_fmts)}"
        ) from error
    instead = encoder.pix_fmts[0]
    log.warning("%s does not encode %s; using %s", settings.codec, settings.pix_fmt, instead)
    return instead


def check_picture_size(settings: EncodeSettings, width: int, height: int) -> None:
    """Raise FrameSizeError if images of this size in pixels cannot be encoded with these settings.

    `auto` is not checked, because the encoder is chosen on the machine that encodes.
    """
    if settings.codec != AUTO:
        formats = ENCODERS[settings.codec].pix_fmts
        check_size(settings, settings.pix_fmt if settings.pix_fmt in formats else formats[0], width, height)


def check_size(settings: EncodeSettings, pix_fmt: str, width: int, height: int) -> None:
    """Raise FrameSizeError if the encoder would fail, or kill the process, at this size in pixels."""
    smallest = ENCODERS[settings.codec].smallest
    if min(width, height) < smallest:
        other = "; use h264" if min(width, height) >= ENCODERS["h264"].smallest else ""
        raise FrameSizeError(f"{width}x{height}: {settings.codec} needs at least {smallest} pixels each way{other}")
    narrowest = ENCODERS[settings.codec].narrowest
    # For lossless depth, x265 does not use its look-ahead.
    if width < narrowest and "lossless=1" not in str(settings.extra_options.get("x265-params", "")):
        raise FrameSizeError(
            f"{width}x{height}: {settings.codec} needs a width of at least {narrowest} pixels; use h264"
        )
    if pix_fmt == "gray12le" and width == smallest:
        raise FrameSizeError(f"{width}x{height}: x265 loses values of depth this narrow; pad it to {width + 1} or more")
    wide, high = {"yuv444p": (1, 1), "gray12le": (1, 1), "yuv422p": (2, 1)}.get(pix_fmt, (2, 2))
    if width % wide or height % high:
        raise FrameSizeError(f"{width}x{height}: {pix_fmt} needs even sides; crop or scale the camera's image")
