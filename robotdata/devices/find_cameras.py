"""`python -m robotdata.devices.find_cameras`: find the cameras that only a driver of this interpreter sees, as JSON.

These are a RealSense (through pyrealsense2), and what the camera types of installed LeRobot plug-ins find. V4L2 cameras
are not among them: a station lists those without a driver, with pictures.
"""

from __future__ import annotations

import importlib
from typing import Any

from robotdata.capture.errors import ConfigError
from robotdata.capture.session import describe_error
from robotdata.own_output import own_output, write_result

MOST = 32


def main() -> int:
    """Write `cameras`, in the shape of `robotdata.station.protocol.FoundCamera`, and `failed`: why, by driver."""
    output = own_output()  # drivers print
    value: dict[str, Any] = {"cameras": [], "failed": {}}
    for name, look in (("pyrealsense2", _realsense), ("lerobot", _lerobot)):
        try:
            value["cameras"] += look(value["failed"])
        except Exception as error:  # noqa: BLE001  a driver may raise anything; the others are asked nevertheless
            value["failed"][name] = _in_words(error)
    value["cameras"] = value["cameras"][:MOST]
    write_result(output, value)
    return 0


def _realsense(failed: dict[str, str]) -> list[dict[str, Any]]:
    try:
        library = importlib.import_module("pyrealsense2")
    except ImportError as error:
        if getattr(error, "name", None) != "pyrealsense2":
            failed["pyrealsense2"] = _in_words(error)
        return []
    return [
        {
            "name": device.get_info(library.camera_info.name),
            "about": f"serial {serial}",
            "table": {"kind": "realsense", "serial": serial},
            "depth": True,
        }
        for device in library.context().query_devices()
        for serial in [device.get_info(library.camera_info.serial_number)]
    ]


def _lerobot(failed: dict[str, str]) -> list[dict[str, Any]]:
    from robotdata.devices.lerobot import find  # LeRobot's import takes seconds

    try:
        return find.plugged_in(failed)
    except ConfigError:
        return []  # no LeRobot here, which the list of kinds says


def _in_words(error: Exception) -> str:
    return " ".join(describe_error(error).split())


if __name__ == "__main__":
    raise SystemExit(main())
