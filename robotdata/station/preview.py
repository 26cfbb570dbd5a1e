"""`python -m robotdata.station.preview`: keep a camera open, and write a picture of it for each line that comes.

The first line is the camera's url: on a command line everybody on this computer could read it, and it may hold a
password. That line and each later one, which is empty, ask for a picture; the answer is one line of JSON. Without a
wish for LINGER_S, or at the end of the input, the camera is released and the program ends.
"""

from __future__ import annotations

import base64
import contextlib
import os
import select
import sys
from typing import Any

from robotdata.capture import clock
from robotdata.capture.devices import Camera, DeviceContext, Picture
from robotdata.capture.errors import CaptureError
from robotdata.capture.pyav_camera import PyavCamera
from robotdata.own_output import own_output, write_result
from robotdata.video.jpeg import ImageError, decode_jpeg, encode_jpeg, jpeg_size
from robotdata.video.live_source import WITHIN, LiveError

WIDTH, HEIGHT = 640, 480
LINGER_S = 3.0
_QUALITY = 85
_RATES = (15.0, 1.0)
"""Rates to ask a camera for, in frames per second; a lower one means that the next higher one is used."""
DARK_FRAMES = 4
"""The first pictures of a USB camera are often dark or green."""
_FIRST_S = 10.0
_STDIN = 0


def main() -> int:
    """Write {"jpeg", "width", "height"} for each wish, or {"error"} and end; return 0 in both cases."""
    output = own_output()
    url = first_line()
    error = "no picture"
    for fps in _RATES:
        context = DeviceContext("preview", fps, name="preview", width=WIDTH, height=HEIGHT, camera_fps=fps)
        shown = False
        try:
            camera = PyavCamera(context, url, fit=WITHIN)
            try:
                camera.connect()
                frames = 1 if not url.startswith("v4l2:") else DARK_FRAMES
                for _ in range(frames):
                    newest = camera.read()
                write_result(output, result_of(newest))
                shown = True
                show(camera, output)
                return 0
            finally:
                camera.disconnect()
        except (CaptureError, LiveError, ImageError) as failure:
            error = str(failure)
        if shown:
            break  # it was seen at this rate
    write_result(output, {"error": error})
    return 0


def show(camera: Camera, output: int) -> None:
    """Read every frame, so that none waits in a buffer and grows old, and write those that are wished for.

    Returns once nobody asks any more. Raises as `read`.
    """
    wished_at, wished = clock.monotonic(), False
    while clock.monotonic() - wished_at < LINGER_S:
        newest = camera.read()
        if select.select([_STDIN], [], [], 0)[0]:
            if not os.read(_STDIN, 1 << 12):
                return
            wished_at, wished = clock.monotonic(), True
        if wished:
            with contextlib.suppress(ImageError):  # damaged on its way: the next one will do
                write_result(output, result_of(newest))
                wished = False


def first_line() -> str:
    """Return the first line of the input; nothing after it is read. Empty if none comes."""
    line = b""
    if not select.select([_STDIN], [], [], _FIRST_S)[0]:
        return ""
    while (byte := os.read(_STDIN, 1)) not in (b"\n", b""):
        line += byte
    return line.decode(sys.getfilesystemencoding(), "surrogateescape")


def result_of(picture: Picture) -> dict[str, Any]:
    """Return a picture as base64 of a JPEG, with its size in pixels. Raises ImageError."""
    rgb = decode_jpeg(picture.packet) if picture.packet is not None else picture.rgb
    if rgb is None:
        raise ImageError("the camera has sent an empty picture")
    jpeg = encode_jpeg(rgb, _QUALITY)
    width, height = jpeg_size(jpeg)
    return {"jpeg": base64.b64encode(jpeg).decode(), "width": width, "height": height}


if __name__ == "__main__":
    raise SystemExit(main())
