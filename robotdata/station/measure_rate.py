"""`python -m robotdata.station.measure_rate`: open a camera as a rig would, and write the rate that it delivers.

The input is one JSON object, in one line, with `url`, `width`, `height`, `fps` and `pixel_format` (empty: any). An
argument could be read by everybody on this computer, and an url may hold a password.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from robotdata.capture.devices import DeviceContext
from robotdata.capture.errors import CaptureError
from robotdata.capture.pyav_camera import PyavCamera
from robotdata.own_output import own_output, write_result
from robotdata.video.jpeg import ImageError
from robotdata.video.live_source import LiveError

_SECONDS = 1.0
_FIRST_FRAMES, _FIRST_S = 4, 1.0
"""A camera begins with what has waited in its buffers, or adjusts its exposure: that is not its rate."""
_LONGEST_S = 8.0


def main() -> int:
    """Write {"fps", "frames"} or {"error"}; return 0 in both cases."""
    output = own_output()
    asked = json.loads(sys.stdin.readline())
    try:
        write_result(output, measure(asked))
    except (CaptureError, LiveError, ImageError) as failure:
        write_result(output, {"error": str(failure)})
    return 0


def measure(asked: dict[str, Any]) -> dict[str, Any]:
    """Return `fps`, the mean over about a second of frames, and their number `frames`. Raises as the camera does."""
    fps, size = float(asked["fps"]), {"width": asked["width"], "height": asked["height"]}
    context = DeviceContext("measured", fps, name="measured", camera_fps=fps, **size)
    camera = PyavCamera(context, asked["url"], pixel_format=asked["pixel_format"])
    try:
        camera.connect()
        times = [camera.read().captured_ns / 1e9]
        opened, skipped = times[0], 0
        while len(times) < 2 or (times[-1] - times[0] < _SECONDS and times[-1] - opened < _LONGEST_S):
            times.append(camera.read().captured_ns / 1e9)
            if skipped < _FIRST_FRAMES and times[-1] - opened < _FIRST_S:
                times, skipped = times[-1:], skipped + 1
    finally:
        camera.disconnect()
    return {"fps": round((len(times) - 1) / max(times[-1] - times[0], 1e-6), 2), "frames": len(times) - 1}


if __name__ == "__main__":
    raise SystemExit(main())
