"""Cameras of a Mac, which FFmpeg opens by `avfoundation`. By code and documentation; not tried on a Mac."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

SCHEME = "avfoundation"
_AGAIN_S = 0.002


def problem_here() -> str:
    """Return why this computer has no such cameras; empty on a Mac."""
    if sys.platform == "darwin":
        return ""
    return 'is a camera of a Mac; on Linux write "v4l2:/dev/video0" or another of its cameras'


def input_of(camera: str) -> str:
    """Return what FFmpeg opens: the camera of this number or name, without sound."""
    return f"{camera}:none"


def options_of(width: int, height: int, fps: float) -> dict[str, str]:
    """Return what to ask for. A camera that lacks the size or rate is not opened; FFmpeg's log lists what it has."""
    return {"video_size": f"{width}x{height}", "framerate": f"{fps:g}"}


def decoded(container: Any, stream: Any, timeout_s: float) -> Iterator[Any]:
    """Yield the frames of a container. FFmpeg does not wait for a Mac's camera, but says that none is there yet.

    Raises what PyAV raises, also BlockingIOError if no frame came for `timeout_s`.
    """
    newest = time.monotonic()
    while True:
        try:
            for frame in container.decode(stream):
                newest = time.monotonic()
                yield frame
            return
        except BlockingIOError:
            if time.monotonic() - newest > timeout_s:
                raise
            time.sleep(_AGAIN_S)
