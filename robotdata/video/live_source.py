"""Read live frames of cameras and network streams, and files at their own rate, through FFmpeg."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from robotdata.video import avfoundation
from robotdata.video.errors import VideoError
from robotdata.video.http_pictures import HttpError, HttpPictures
from robotdata.video.jpeg_parts import MAX_PIXELS, ImageError, parse_jpeg
from robotdata.video.upright import NO_TURN, Turn, letterboxed, turn_of, upright_rgb
from robotdata.video.v4l2 import list_modes
from robotdata.video.v4l2_formats import Choice, NothingFits, choose

SCHEMES = ("file", "v4l2", avfoundation.SCHEME, "rtsp", "http", "https")
FITS = ("exact", "letterbox")
"""How images of another size are handled: refused, or scaled between black bars."""
WITHIN = "within"
"""For a look at a camera: images are scaled to fit into the size, without bars."""
_PROTOCOLS = {
    "file": "file",
    "v4l2": "file",
    avfoundation.SCHEME: "file",
    "rtsp": "rtsp,rtp,udp,tcp",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
}
_TIMEOUT_S = 5.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://(?=/))?")
Frame: TypeAlias = "tuple[NDArray[np.uint8] | None, bytes | None]"
"""A frame as RGB, uint8 (H, W, 3), or as a JPEG packet; the other is None."""


class LiveError(RuntimeError):
    """A source cannot be opened, or stopped. The message names the source without its password."""


class LiveSource:
    """One source of frames of `width` x `height` pixels. `read` waits for the next frame; a file is played at `fps`.

    `fit` "exact" refuses images of another size, "letterbox" scales them between black bars, WITHIN without bars, so
    that frames may be smaller. `pixel_format` (of
    `v4l2_formats.NAMES`) is the format to request from a V4L2 camera; by default the best one that fits. With
    `verify_certificate` False, any certificate of an https address is accepted. `mounted` is how the caller turns the
    frames afterwards; messages then give sizes as they are after that. Raises LiveError.
    """

    def __init__(
        self,
        url: str,
        width: int,
        height: int,
        fps: float,
        *,
        loop: bool = True,
        fit: str = "exact",
        pixel_format: str = "",
        verify_certificate: bool = True,
        mounted: Turn = NO_TURN,
    ) -> None:
        self._scheme, self._target = split_url(url)
        self._name = _public(url)
        if self._scheme not in SCHEMES:
            raise LiveError(f"{self._name}: scheme {self._scheme!r}, want one of {', '.join(SCHEMES)}")
        self._width, self._height, self._fps, self._loop, self._fit = width, height, fps, loop, fit
        self._pixel_format, self._verify, self._mounted = pixel_format, verify_certificate, mounted
        self._container: av.container.InputContainer | None = None
        self._http: HttpPictures | None = None
        self._jpeg_decoder: Any = None
        self._frames: Iterator[Frame] | None = None
        self._reformatter = VideoReformatter()
        self._due = 0.0

    def open(self) -> None:
        """Open the source. Raises LiveError."""
        self.close()
        if self._scheme in ("http", "https") and self._open_http():
            return
        options = {"protocol_whitelist": _PROTOCOLS[self._scheme]}
        kind = None
        if self._scheme == "v4l2":
            kind = "v4l2"
            options |= self._v4l2_options()
        elif self._scheme == avfoundation.SCHEME:
            kind = self._scheme
            options |= self._mac_options()
        elif self._scheme in ("http", "https"):  # http may redirect to https
            options |= self._tls_options()
        elif self._scheme == "rtsp":
            options |= {"rtsp_transport": "tcp"}
        elif self._scheme == "file":
            options |= {"pattern_type": "none"}  # otherwise FFmpeg reads % as a pattern of file names
            if not Path(self._target).is_file():
                raise LiveError(f"{self._name}: there is no such file")
        try:
            # Not as `options`, which PyAV passes to each stream, too: a stream that appears late corrupts its memory.
            timeout = (_TIMEOUT_S, _TIMEOUT_S)
            self._container = av.open(self._target, format=kind, container_options=options, timeout=timeout)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise LiveError(f"{self._name} cannot be opened: {_reason(error)}") from error
        if not self._container.streams.video:
            self.close()
            raise LiveError(f"{self._name} holds no video")
        self._frames = self._pictures(self._container)
        self._due = time.monotonic()

    def _v4l2_options(self) -> dict[str, str]:
        """Return what to request from the camera, chosen from what it lists. Raises LiveError if nothing fits."""
        try:
            modes = list_modes(self._target)
        except OSError as error:
            raise LiveError(f"{self._name} cannot be opened: {_reason(error)}") from error
        choice = Choice("mjpeg", self._width, self._height, self._fps)  # for a camera that lists nothing
        if modes:
            try:
                size = self._width, self._height
                choice = choose(modes, *size, self._fps, pixel_format=self._pixel_format, any_size=self._scales)
            except NothingFits as error:
                hint = " (sizes before `rotate`, which exchanges width and height)" if self._mounted.transposed else ""
                remedy = "Correct the rig's file, or choose another camera"
                raise LiveError(f"{self._name}: {error}{hint}. {remedy}") from error
        return {
            "video_size": f"{choice.width}x{choice.height}",
            "framerate": f"{choice.fps:g}",
            "input_format": choice.input_format,
        }

    def _mac_options(self) -> dict[str, str]:
        if problem := avfoundation.problem_here():
            raise LiveError(f"{self._name} {problem}")
        return avfoundation.options_of(self._width, self._height, self._fps)

    @property
    def _scales(self) -> bool:
        return self._fit in ("letterbox", WITHIN)

    def _tls_options(self) -> dict[str, str]:
        """Return options that make FFmpeg check certificates, which it does not do by default."""
        if not self._verify:
            return {}
        trusted = ssl.get_default_verify_paths().cafile
        return {"tls_verify": "1"} | ({"ca_file": trusted} if trusted else {})

    def _open_http(self) -> bool:
        """Return whether the URL sends JPEGs, which are then read without FFmpeg. Raises LiveError."""
        self._http = HttpPictures(self._target, self._fps, _TIMEOUT_S, verify=self._verify)
        try:
            if self._http.open():
                self._frames = map(self._from_jpeg, self._http.pictures())
                return True
        except HttpError as error:
            self.close()
            raise LiveError(f"{self._name} cannot be opened: {error}") from error
        return False

    def read(self) -> Frame:
        """Return the next frame: uint8 (H, W, 3), or the packet if the source sends JPEG.

        Raises LiveError if the source stopped, or if the frame has another size that must be refused.
        """
        for attempt in range(2):
            if self._frames is None:
                raise LiveError(f"{self._name} is not open")
            try:
                frame = next(self._frames)
            except StopIteration:
                if self._scheme != "file" or not self._loop or attempt:
                    raise LiveError(f"{self._name} has ended") from None
                due = self._due
                self.open()
                self._due = due
                continue
            except VideoError as error:
                raise LiveError(f"{self._name}: {error}") from error
            except HttpError as error:
                raise LiveError(f"{self._name} stopped sending: {error}") from error
            except (av.FFmpegError, OSError) as error:
                raise LiveError(f"{self._name} stopped sending: {_reason(error)}") from error
            if self._scheme == "file":
                self._wait()
            return frame
        raise LiveError(f"{self._name} holds no frame")

    def close(self) -> None:
        """Close the source."""
        self._frames = None
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._http is not None:
            self._http.close()
            self._http = None

    def _pictures(self, container: av.container.InputContainer) -> Iterator[Frame]:
        stream = container.streams.video[0]
        if stream.codec_context.name == "mjpeg":
            yield from self._jpegs(container, stream)
            return
        stream.thread_type = "NONE" if self._scheme != "file" else "AUTO"
        is_mac = self._scheme == avfoundation.SCHEME
        for frame in avfoundation.decoded(container, stream, _TIMEOUT_S) if is_mac else container.decode(stream):
            yield self._fitted(frame, stream.sample_aspect_ratio), None

    def _jpegs(self, container: av.container.InputContainer, stream: Any) -> Iterator[Frame]:
        """Yield JPEG packets unchanged; only those that must be rotated or scaled are decoded."""
        turn: Turn | None = None
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if turn is None:
                with suppress(av.FFmpegError, IndexError, ImageError):  # the recorder counts it as damaged
                    # This rotation applies to the whole file; the EXIF orientation is handled when an image is stored.
                    turn = turn_of(stream.codec_context.decode(av.Packet(parse_jpeg(bytes(packet)).plain()))[0])
            if turn is None or turn == NO_TURN:
                yield self._from_jpeg(bytes(packet))
            else:
                for frame in stream.codec_context.decode(packet):
                    yield self._fitted(frame, None), None

    def _from_jpeg(self, data: bytes) -> Frame:
        """Return a JPEG unchanged, or scaled.

        One that cannot be read is returned, too; the recorder counts it as damaged.
        """
        try:
            parts = parse_jpeg(data, header_only=True)
        except ImageError:
            return None, data
        size = parts.width, parts.height
        if self._scales and (parts.has_exif or size != (self._width, self._height)):
            if self._jpeg_decoder is None:
                self._jpeg_decoder = av.CodecContext.create("mjpeg", "r")
                self._jpeg_decoder.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
            with suppress(av.FFmpegError, IndexError):
                return self._fitted(self._jpeg_decoder.decode(av.Packet(data))[0], None), None
            self._jpeg_decoder = None
        elif not parts.has_exif:  # EXIF may rotate it
            self._check_size(size, NO_TURN)
        return None, data

    def _fitted(self, frame: av.VideoFrame, pixel_shape: Fraction | None) -> NDArray[np.uint8]:
        if self._scales:
            size, bars = (self._width, self._height), self._fit != WITHIN
            return letterboxed(self._reformatter, frame, size, pixel_shape, bars=bars)
        turn = turn_of(frame)
        self._check_size(turn.size(frame.width, frame.height), turn)
        return upright_rgb(self._reformatter, frame)

    def _check_size(self, size: tuple[int, int], turn: Turn) -> None:
        """Raise LiveError, with both sizes, if `size` is not the requested one."""
        if size == (self._width, self._height):
            return
        asked = self._mounted.size(self._width, self._height)
        size = self._mounted.size(*size)
        actual, rotation = f"{size[0]}x{size[1]}", "" if turn == NO_TURN else ", turned upright"
        rotation += ", turned by `rotate`" if self._mounted.transposed else ""
        sides = f"set width = {size[0]} and height = {size[1]} there, or " if not (size[0] % 2 or size[1] % 2) else ""
        raise LiveError(
            f"{self._name} sends images of {actual} pixels{rotation}, the rig file asks for "
            f'{asked[0]}x{asked[1]}; {sides}set fit = "letterbox" to scale them between black bars'
        )

    def _wait(self) -> None:
        """Wait until the next frame is due. A file has no rate of its own to wait for."""
        self._due = max(self._due + 1 / self._fps, time.monotonic() - 1.0)
        rest = self._due - time.monotonic()
        if rest > 0:
            time.sleep(rest)


def split_url(url: str) -> tuple[str, str]:
    """Return the scheme of `url` in lower case, and what FFmpeg opens: a path, a camera of a Mac, or the URL.

    Text without a scheme is a path. Paths are literal, except that `file:` is percent-decoded unless a file of the
    literal name exists.
    """
    match = _SCHEME.match(url)
    if match is None:
        return "file", url
    scheme, rest = match[1].lower(), url[match.end() :]
    if scheme == "file":
        return scheme, rest if Path(rest).is_file() else unquote(rest)
    if scheme == avfoundation.SCHEME:
        return scheme, avfoundation.input_of(rest)
    return scheme, rest if scheme == "v4l2" else url


def _public(url: str) -> str:
    """Return `url` without user name, password and query, which may be secret."""
    if split_url(url)[0] in ("file", "v4l2", avfoundation.SCHEME):
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def _reason(error: Exception) -> str:
    """Return the message of an error without the URL, which may contain a password."""
    return getattr(error, "strerror", None) or type(error).__name__
