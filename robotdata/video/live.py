"""Pictures as they come: cameras, network streams and files played at their own pace, through FFmpeg."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import numpy as np
from numpy.typing import NDArray

SCHEMES = ("file", "v4l2", "rtsp", "http", "https")
_PROTOCOLS = {
    "file": "file",
    "v4l2": "file",
    "rtsp": "rtsp,rtp,udp,tcp",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
}
_TIMEOUT_S = 5.0


class LiveError(RuntimeError):
    """A source that cannot be opened or gives no more; the message names it, without its password."""


class LiveSource:
    """One source of frames. `read` waits for the next; a file is played at its own rate, or at `fps`."""

    def __init__(self, url: str, width: int, height: int, fps: float, *, loop: bool = True) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme or "file"
        if self._scheme not in SCHEMES:
            raise LiveError(f"{_public(url)}: scheme {self._scheme!r}, want one of {', '.join(SCHEMES)}")
        self._name = _public(url)
        self._target = unquote(parts.path) if self._scheme in ("file", "v4l2") else url
        self._width, self._height, self._fps, self._loop = width, height, fps, loop
        self._container: av.container.InputContainer | None = None
        self._frames: Iterator[tuple[NDArray[np.uint8] | None, bytes | None]] | None = None
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

    def read(self) -> tuple[NDArray[np.uint8] | None, bytes | None]:
        """The next frame: uint8 (H, W, 3) or, where the source gives JPEG, its packet. Raises LiveError."""
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

    def _pictures(
        self, container: av.container.InputContainer
    ) -> Iterator[tuple[NDArray[np.uint8] | None, bytes | None]]:
        stream = container.streams.video[0]
        if stream.codec_context.name == "mjpeg":
            for packet in container.demux(stream):
                if packet.size:
                    yield None, bytes(packet)
            return
        stream.thread_type = "NONE" if self._scheme != "file" else "AUTO"
        for frame in container.decode(stream):
            picture = frame.to_ndarray(format="rgb24", width=self._width, height=self._height)
            yield picture.astype(np.uint8, copy=False), None

    def _wait(self) -> None:
        """A file has no pace of its own."""
        self._due = max(self._due + 1 / self._fps, time.monotonic() - 1.0)
        rest = self._due - time.monotonic()
        if rest > 0:
            time.sleep(rest)


def _public(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def _why(error: Exception) -> str:
    """An error's words without the address, which may hold a password."""
    return getattr(error, "strerror", None) or type(error).__name__
