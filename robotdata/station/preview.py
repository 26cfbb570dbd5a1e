"""`python -m robotdata.station.preview`: read a camera's url as a line, and write one picture as a line of JSON.

The url comes by standard input, because everybody on this computer can read a command line, and it may hold a password.
"""

from __future__ import annotations

import base64
import sys
from typing import Any

from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import CaptureError
from robotdata.capture.pyav_camera import PyavCamera
from robotdata.own_output import own_output, write_result
from robotdata.video.jpeg import ImageError, decode_jpeg, encode_jpeg, jpeg_size
from robotdata.video.live_source import WITHIN, LiveError

WIDTH, HEIGHT = 640, 480
_QUALITY = 85
_RATES = (15.0, 1.0)
"""Rates to ask a camera for, in frames per second; a lower one means that the next higher one is used."""
_DARK_FRAMES = 4
"""The first pictures of a USB camera are often dark or green."""


def main() -> int:
    """Write {"jpeg", "width", "height"} or {"error"}; return 0 in both cases."""
    output = own_output()
    write_result(output, picture(sys.stdin.readline().rstrip("\n")))
    return 0


def picture(url: str) -> dict[str, Any]:
    """Return one picture of a camera as base64 of a JPEG, with its size in pixels, or why there is none."""
    error = "no picture"
    for fps in _RATES:
        try:
            jpeg = _jpeg(url, fps)
            width, height = jpeg_size(jpeg)
            return {"jpeg": base64.b64encode(jpeg).decode(), "width": width, "height": height}
        except (CaptureError, LiveError, ImageError) as failure:
            error = str(failure)
    return {"error": error}


def _jpeg(url: str, fps: float) -> bytes:
    context = DeviceContext("preview", fps, name="preview", width=WIDTH, height=HEIGHT, camera_fps=fps)
    camera = PyavCamera(context, url, fit=WITHIN)
    try:
        camera.connect()
        frames = 1 if not url.startswith("v4l2:") else _DARK_FRAMES
        for _ in range(frames):
            newest = camera.read()
    finally:
        camera.disconnect()
    rgb = decode_jpeg(newest.packet) if newest.packet is not None else newest.rgb
    if rgb is None:
        raise ImageError("the camera has sent an empty picture")
    return encode_jpeg(rgb, _QUALITY)


if __name__ == "__main__":
    raise SystemExit(main())
