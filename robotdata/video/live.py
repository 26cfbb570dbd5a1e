"""Pictures as they come: cameras, network streams and files played at their own pace, through FFmpeg."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from robotdata.video.errors import VideoError
from robotdata.video.jpeg import ImageError, jpeg_size
from robotdata.video.upright import NO_TURN, Turn, letterboxed, turn_of, upright_rgb

SCHEMES = ("file", "v4l2", "rtsp", "http", "https")
FITS = ("exact", "letterbox")
"""What happens to pictures of another size: they are refused, or scaled and given black bars."""
_PROTOCOLS = {
    "file": "file",
    "v4l2": "file",
    "rtsp": "rtsp,rtp,udp,tcp",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
}
_TIMEOUT_S = 5.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://(?=/))?")
Frame: TypeAlias = "tuple[NDArray[np.uint8] | None, bytes | None]"
"""A picture as RGB, uint8 (H, W, 3), or as a JPEG."""


class LiveError(RuntimeError):
    """A source that cannot be opened or gives no more; the message names it, without its password."""


class LiveSource:
    """One source of frames of `width` x `height` pixels. `read` waits for the next; a file is played at `fps`.

    `fit` "exact" refuses pictures of another size, "letterbox" scales them and adds black bars.
    """

    def __init__(self, url: str, width: int, height: int, fps: float, *, loop: bool = True, fit: str = "exact") -> None:
        self._scheme, self._target = split_url(url)
        self._name = _public(url)
        if self._scheme not in SCHEMES:
            raise LiveError(f"{self._name}: scheme {self._scheme!r}, want one of {', '.join(SCHEMES)}")
        self._width, self._height, self._fps, self._loop, self._fit = width, height, fps, loop, fit
        self._container: av.container.InputContainer | None = None
        self._frames: Iterator[Frame] | None = None
        self._reformatter = VideoReformatter()
        self._due = 0.0

    def open(self) -> None:
        """Raises LiveError where the source is not there."""
        self.close()
        options = {"protocol_whitelist": _PROTOCOLS[self._scheme]}
        kind = None
        if self._scheme == "v4l2":
            kind = "v4l2"
            options |= {
                "video_size": f"{self._width}x{self._height}",
                "framerate": f"{self._fps:g}",
                "input_format": "mjpeg",
            }
        elif self._scheme == "rtsp":
            options |= {"rtsp_transport": "tcp"}
        if self._scheme == "file" and not Path(self._target).is_file():
            raise LiveError(f"{self._name}: there is no such file")
        try:
            # Not as `options`: those are given to each stream as well, and break PyAV's memory where one comes late.
            timeout = (_TIMEOUT_S, _TIMEOUT_S)
            self._container = av.open(self._target, format=kind, container_options=options, timeout=timeout)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise LiveError(f"{self._name} cannot be opened: {_why(error)}") from error
        if not self._container.streams.video:
            self.close()
            raise LiveError(f"{self._name} holds no video")
        self._frames = self._pictures(self._container)
        self._due = time.monotonic()

    def read(self) -> Frame:
        """The next frame: uint8 (H, W, 3) or, where the source gives JPEG, its packet.

        Raises LiveError where none comes any more, or one of another size that is to be refused.
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
            except (av.FFmpegError, OSError) as error:
                raise LiveError(f"{self._name} gives no more: {_why(error)}") from error
            if self._scheme == "file":
                self._wait()
            return frame
        raise LiveError(f"{self._name} holds no frame")

    def close(self) -> None:
        self._frames = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def _pictures(self, container: av.container.InputContainer) -> Iterator[Frame]:
        stream = container.streams.video[0]
        if stream.codec_context.name == "mjpeg":
            yield from self._jpegs(container, stream)
            return
        stream.thread_type = "NONE" if self._scheme != "file" else "AUTO"
        for frame in container.decode(stream):
            yield self._fitted(frame, stream.sample_aspect_ratio), None

    def _jpegs(self, container: av.container.InputContainer, stream: Any) -> Iterator[Frame]:
        """JPEGs as they come; only those that must be turned or fitted are decoded."""
        turn: Turn | None = None
        for packet in container.demux(stream):
            if not packet.size:
                continue
            data = bytes(packet)
            try:
                size = jpeg_size(data)
                turn = turn_of(stream.codec_context.decode(packet)[0]) if turn is None else turn
            except (ImageError, av.FFmpegError, IndexError):
                yield None, data  # whoever stores it counts it as damaged
                continue
            if turn == NO_TURN and (self._fit == "exact" or size == (self._width, self._height)):
                self._check_size(size, NO_TURN)
                yield None, data
            else:
                for frame in stream.codec_context.decode(packet):
                    yield self._fitted(frame, None), None

    def _fitted(self, frame: av.VideoFrame, pixel_shape: Fraction | None) -> NDArray[np.uint8]:
        if self._fit == "letterbox":
            return letterboxed(self._reformatter, frame, (self._width, self._height), pixel_shape)
        turn = turn_of(frame)
        self._check_size(turn.size(frame.width, frame.height), turn)
        return upright_rgb(self._reformatter, frame)

    def _check_size(self, size: tuple[int, int], turn: Turn) -> None:
        """Raises LiveError with both sizes where `size` is not the one that was asked for."""
        if size == (self._width, self._height):
            return
        given, turned = f"{size[0]}x{size[1]}", "" if turn == NO_TURN else ", turned upright"
        sides = f"set width = {size[0]} and height = {size[1]} there, or " if not (size[0] % 2 or size[1] % 2) else ""
        raise LiveError(
            f"{self._name} gives pictures of {given} pixels{turned}, the rig's file asks for "
            f'{self._width}x{self._height}; {sides}set fit = "letterbox" to scale them between black bars'
        )

    def _wait(self) -> None:
        """A file has no pace of its own."""
        self._due = max(self._due + 1 / self._fps, time.monotonic() - 1.0)
        rest = self._due - time.monotonic()
        if rest > 0:
            time.sleep(rest)


def split_url(url: str) -> tuple[str, str]:
    """The scheme of `url` in lower case, and what FFmpeg opens: a path for `file` and `v4l2`, else the whole address.

    What has no scheme is a path, and taken literally, as is that of a device; `file:` is decoded unless a file of
    the literal name is there.
    """
    found = _SCHEME.match(url)
    if found is None:
        return "file", url
    scheme, rest = found[1].lower(), url[found.end() :]
    if scheme == "file":
        return scheme, rest if Path(rest).is_file() else unquote(rest)
    return scheme, rest if scheme == "v4l2" else url


def _public(url: str) -> str:
    """`url` without what may be a secret: the user's name and password, and what follows a question mark."""
    if split_url(url)[0] in ("file", "v4l2"):
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def _why(error: Exception) -> str:
    """An error's words without the address, which may hold a password."""
    return getattr(error, "strerror", None) or type(error).__name__
