"""Encode images as an MP4 in one pass and bounded memory. The file appears complete or not at all."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from robotdata.files.disk_errors import is_disk_error
from robotdata.video.codecs import (
    AUTO,
    ENCODERS,
    EncodeSettings,
    check_size,
    depth_params,
    encoder_options,
    pixel_format,
)
from robotdata.video.errors import CodecUnavailableError, EncodeError, NoFramesError, UnknownOptionError
from robotdata.video.hardware import ffmpeg_warnings, first_working_codec
from robotdata.video.output import output_file
from robotdata.video.prefetch import Prefetcher
from robotdata.video.priority import give_up_real_time
from robotdata.video.rates import exact_rate, plain_rate
from robotdata.video.sources import FrameConverter, Picture
from robotdata.video.verify import verify_video

log = logging.getLogger(__name__)

_PROGRESS_EVERY = 8
_BYTES_PER_PIXEL = 2
_MAX_REORDERED = 64
# Numbers of ITU-T H.273.
_LIMITED_RANGE = 1
_BT709_PRIMARIES = 1
_SRGB_CURVE = 13
_BT601_MATRIX = 6
# Parameters of encoders' own lists that are known to be accepted, and the warnings for those that are not.
_KNOWN_PARAMS = {"lossless=1"}
_PARAM_REFUSED = re.compile("error parsing option|unknown option|invalid value|bad value", re.IGNORECASE)
Progress = Callable[[int], None]
"""Called with the number of frames encoded so far; it may raise to cancel."""


@dataclass(frozen=True, slots=True)
class EncodedVideo:
    """A finished video file. `codec` is that of the stream (`av1`), `encoder` is what wrote it (`libsvtav1`)."""

    path: Path
    frames: int
    width: int
    height: int
    codec: str
    encoder: str
    pix_fmt: str
    fps: int | float
    duration_s: float
    size_bytes: int


def encode_packets(
    packets: Iterable[bytes],
    path: Path | str,
    *,
    fps: int | float | Fraction,
    settings: EncodeSettings | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> EncodedVideo:
    """Encode JPEG or PNG packets as an MP4 at `fps` Hz. JPEGs are never converted to RGB.

    `packets` is read in a separate thread, a few packets ahead. `progress` is called every few frames and may raise to
    cancel. Raises EncodeError and its subclasses. No file is written if an exception is raised.
    """
    return encode_frames(packets, path, fps=fps, settings=settings, progress=progress, overwrite=overwrite)


def encode_frames(
    pictures: Iterable[Picture],
    path: Path | str,
    *,
    fps: int | float | Fraction,
    settings: EncodeSettings | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    verify: bool = False,
) -> EncodedVideo:
    """Encode images of any kind (`sources.Picture`) as an MP4; see `encode_packets`.

    With `verify` the file is decoded and its frames are counted before it is renamed to `path`.
    """
    rate = exact_rate(fps)
    effective = resolve(settings or EncodeSettings())
    converter = FrameConverter()
    with output_file(Path(path), overwrite=overwrite) as part:
        remaining = iter(pictures)
        head = list(islice(remaining, 1))
        if not head:
            raise NoFramesError(f"{path}: no frames to encode")
        first = converter.open(head[0])
        pix_fmt = pixel_format(effective)
        check_size(effective, pix_fmt, first.width, first.height)
        frames = converter.frames(head[0], first, remaining, pix_fmt)
        writer = _Writer(part, rate, effective, pix_fmt, (first.width, first.height))
        count = writer.write(frames, progress)
        if verify:
            verify_video(part, expected_frames=count)
        size_bytes = part.stat().st_size
    return EncodedVideo(
        path=Path(path),
        frames=count,
        width=first.width,
        height=first.height,
        codec=ENCODERS[effective.codec].codec,
        encoder=ENCODERS[effective.codec].ffmpeg_name,
        pix_fmt=pix_fmt,
        fps=plain_rate(rate),
        duration_s=float(count / rate),
        size_bytes=size_bytes,
    )


def resolve(settings: EncodeSettings) -> EncodeSettings:
    """Return `settings` with `auto` replaced by the first codec that works here. The choice is logged."""
    if settings.codec != AUTO:
        return settings
    codec = first_working_codec()
    log.info("codec auto: using %s", codec)
    return replace(settings, codec=codec)


class _Writer:
    """Writes one MP4 with one video stream, from the first frame to the trailer."""

    def __init__(
        self, part: Path, rate: Fraction, settings: EncodeSettings, pix_fmt: str, size: tuple[int, int]
    ) -> None:
        # By default SVT-AV1 writes its configuration to stderr for every video.
        os.environ.setdefault("SVT_LOG", "1")
        self._part = part
        self._rate = rate
        self._settings = settings
        self._pix_fmt = pix_fmt
        self._size = size
        self._packets = 0

    def write(self, frames: Iterable[av.VideoFrame], progress: Progress | None) -> int:
        """Encode `frames` and return their number."""
        with (
            av.open(str(self._part), "w", format="mp4", options={"movflags": "faststart"}) as container,
            Prefetcher(frames, self._size[0] * self._size[1] * _BYTES_PER_PIXEL) as ahead,
        ):
            stream = self._add_stream(container)
            count = self._feed(container, stream, ahead, progress)
            self._mux(container, stream, None, count)
        if self._packets != count:
            raise EncodeError(
                f"{self._settings.codec} gave {self._packets} packets for {count} frames; try another codec"
            )
        if progress is not None:
            progress(count)
        return count

    def _add_stream(self, container: Any) -> Any:
        """Add the video stream and open its encoder. Raises CodecUnavailableError and UnknownOptionError."""
        encoder = ENCODERS[self._settings.codec]
        if encoder.ffmpeg_name not in av.codecs_available:
            raise CodecUnavailableError(
                f"the FFmpeg of this PyAV has no {encoder.ffmpeg_name}; codec='auto' takes the best that works here"
            )
        options = encoder_options(self._settings)
        if self._pix_fmt == "gray12le":
            options["x265-params"] = depth_params(options["x265-params"], self._size[0])
        self._refuse_unknown_params(options)
        try:
            stream = container.add_stream(encoder.ffmpeg_name, rate=self._rate, options=options)
            stream.width, stream.height = self._size
            stream.pix_fmt = self._pix_fmt
            stream.codec_context.time_base = 1 / self._rate
            if self._pix_fmt != "gray12le":
                _set_colours(stream.codec_context)
            if encoder.codec == "hevc":
                stream.codec_context.codec_tag = "hvc1"
            _open(stream.codec_context)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            # An installed software encoder fails only because of its options.
            kind = CodecUnavailableError if encoder.hardware else UnknownOptionError
            reason = "; ".join(self._warnings(options)) or str(error)
            raise kind(
                f"{encoder.ffmpeg_name} does not start at {self._size[0]}x{self._size[1]} {self._pix_fmt} "
                f"with {options}: {reason}"
            ) from error
        unused = stream.codec_context.options
        if unused:
            raise UnknownOptionError(f"{encoder.ffmpeg_name} knows no option {', '.join(sorted(unused))}")
        return stream

    def _warnings(self, options: dict[str, str]) -> list[str]:
        """Return FFmpeg's warnings about these options."""
        name = ENCODERS[self._settings.codec].ffmpeg_name
        return ffmpeg_warnings(name, self._pix_fmt, self._size, tuple(options.items()))

    def _refuse_unknown_params(self, options: dict[str, str]) -> None:
        """Raise UnknownOptionError for a parameter, or its value, that the encoder does not accept.

        For lists of parameters such as `x265-params`, FFmpeg only logs a warning.
        """
        given = [str(v) for k, v in self._settings.extra_options.items() if k.endswith("-params") and k in options]
        if not given or set(given) <= _KNOWN_PARAMS:
            return
        refusals = [line for line in self._warnings(options) if _PARAM_REFUSED.search(line)]
        if refusals:
            raise UnknownOptionError(f"{ENCODERS[self._settings.codec].ffmpeg_name}: {'; '.join(refusals)}")

    def _feed(self, container: Any, stream: Any, frames: Iterable[av.VideoFrame], progress: Progress | None) -> int:
        """Encode the frames and return their number."""
        count = 0
        time_base = 1 / self._rate
        for frame in frames:
            frame.pts = count
            frame.time_base = time_base
            self._mux(container, stream, frame, count)
            count += 1
            if progress is not None and count % _PROGRESS_EVERY == 0:
                progress(count)
        return count

    def _mux(self, container: Any, stream: Any, frame: av.VideoFrame | None, count: int) -> None:
        """Encode one frame, or the rest if it is None, and write the packets."""
        try:
            for packet in _encoded(stream, frame):
                container.mux(packet)
                self._packets += 1
        except av.error.FFmpegError as error:
            if is_disk_error(error.errno):
                raise
            raise EncodeError(f"{self._settings.codec} fails at frame {count}: {error}") from error


def _open(context: Any) -> None:
    """Open the encoder in a thread without the right to real-time scheduling.

    SVT-AV1's threads, which are created now, inherit that. The rights of the calling thread do not change.
    """
    failed: list[Exception] = []

    def run() -> None:
        try:
            give_up_real_time()
            context.open()
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=run, name="video-encoder-open")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def _set_colours(context: Any) -> None:
    """State the colours of camera JPEGs: primaries and transfer curve of sRGB, matrix of BT.601.

    Without this, browsers assume BT.709 for videos of 720 lines or more.
    """
    context.color_range = _LIMITED_RANGE
    context.color_primaries = _BT709_PRIMARIES
    context.color_trc = _SRGB_CURVE
    context.colorspace = _BT601_MATRIX


def _encoded(stream: Any, frame: av.VideoFrame | None) -> Iterator[Any]:
    """Yield the packets of one frame, with valid decoding times."""
    for packet in stream.encode(frame):
        # For a video of one frame, x265 returns an uninitialized decoding time.
        if packet.dts is None or not -_MAX_REORDERED <= packet.dts - packet.pts <= 0:
            packet.dts = packet.pts
        yield packet
