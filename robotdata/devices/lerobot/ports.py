"""The serial ports and camera nodes that a config of LeRobot's names, and their locks."""

from __future__ import annotations

import os
from typing import Any

from robotdata.capture.device_lock import DeviceLock
from robotdata.devices.lerobot.configs import parts_of

_PORT_KEYS = ("port", "index_or_path")


def nodes_of(config: Any) -> list[str]:
    """Return the device files that a config names: serial ports, and the camera `index_or_path` (a number: V4L2's)."""
    found = []
    for part in parts_of(config):
        for key in _PORT_KEYS:
            value = getattr(part, key, None)
            if isinstance(value, int) and not isinstance(value, bool) and key == "index_or_path":
                value = f"/dev/video{value}"
            if isinstance(value, str | os.PathLike) and str(value).startswith("/dev/"):
                found.append(str(value))
    return found


def locks_of(config: Any, key: str) -> list[DeviceLock]:
    """Return a lock for each device file of a config; `key` is the rig file's key for another device."""
    remedy = f"stop that process, or correct {key} in the rig file"
    return [DeviceLock(node, node, remedy) for node in nodes_of(config)]
