"""`python -m robotdata.station.driver_preview`: as `robotdata.station.preview`, for a camera that only a driver sees.

The first line is the camera's table in a rig file, as JSON; each later one, which is empty, asks for a picture.
"""

from __future__ import annotations

import json
from typing import Any

from robotdata.capture.config import parse_config
from robotdata.capture.devices import Camera, DeviceContext
from robotdata.capture.session import describe_error
from robotdata.own_output import own_output, write_result
from robotdata.rig.process import registry
from robotdata.rig.rig import camera_context
from robotdata.station.preview import DARK_FRAMES, first_line, result_of, show

_USUAL = {"width": 640, "height": 480, "fps": 30}


def main() -> int:
    """Write {"jpeg", "width", "height"} for each wish, or {"error"} and end; return 0 in both cases."""
    output = own_output()  # drivers print
    try:
        camera = _camera(json.loads(first_line()))
        try:
            camera.connect()
            for _ in range(DARK_FRAMES):
                newest = camera.read()
            write_result(output, result_of(newest))
            show(camera, output)
        finally:
            camera.disconnect()
    except Exception as failure:  # noqa: BLE001  a driver may raise anything
        write_result(output, {"error": " ".join(describe_error(failure).split())})
    return 0


def _camera(table: dict[str, Any]) -> Camera:
    """Return the camera of a table, in colour, of the size that a form begins with. Raises ConfigError."""
    rig = {"rig": {"name": "preview", "fps": 30}, "robot": {"kind": "sim"}, "teleoperator": {"kind": "autopilot"}}
    config = parse_config(rig | {"cameras": {"preview": _USUAL | table}}, "preview")
    (camera,) = config.cameras
    return registry().camera(camera.kind, camera_context(DeviceContext("preview", 30.0), camera, 0), camera.options)


if __name__ == "__main__":
    raise SystemExit(main())
