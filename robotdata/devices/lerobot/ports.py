"""Serial ports and camera nodes: which there are, who may open them, and who has them open."""

from __future__ import annotations

import contextlib
import grp
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robotdata.capture.device_lock import DeviceLock
from robotdata.devices.lerobot.configs import parts_of

_NODES = ("ttyACM*", "ttyUSB*", "cu.usb*", "tty.usb*")
_PORT_KEYS = ("port", "index_or_path")
_ROOT = 0


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


def node_problem(node: str) -> str | None:
    """Return why this process cannot open a device file, with what to do; None if it could now."""
    path = Path(node)
    if not path.exists():
        others = ", ".join(sorted(_serial_ports())) if "video" not in path.name else ""
        there = f"this computer has {others}" if others else "check its cable"
        tool = "lerobot-find-cameras" if "video" in path.name else "lerobot-find-port"
        return f"{node} does not exist: {there}; `{tool}` finds the right one"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"no permission to open {node}: {_permission(path)}"
    holder = holder_of(node)
    return f"{node} is in use by {holder}; stop that process" if holder else None


def holder_of(node: str) -> str:
    """Return another process that has a device file open, as far as /proc says so; empty if none is known."""
    real = os.path.realpath(node)
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            if any(os.path.realpath(fd) == real for fd in (process / "fd").iterdir()):
                return f"pid {process.name} ({(process / 'comm').read_text().strip()})"
    return ""


def _serial_ports() -> Iterator[str]:
    for pattern in _NODES:
        yield from (str(path) for path in Path("/dev").glob(pattern))


def _permission(path: Path) -> str:
    """Return what gives this user access: the group that the file belongs to, or a udev rule where that is root's."""
    status = path.stat()
    with contextlib.suppress(KeyError):
        if status.st_gid != _ROOT and status.st_mode & 0o060 == 0o060:
            group = grp.getgrgid(status.st_gid).gr_name
            return f"run `sudo usermod -aG {group} $USER` and sign in again"
    subsystem = "video4linux" if "video" in path.name else "tty"
    rule = f'SUBSYSTEM=="{subsystem}", KERNEL=="{path.resolve().name}", MODE="0660", GROUP="plugdev", TAG+="uaccess"'
    return f"add the udev rule `{rule}` to /etc/udev/rules.d/70-robot.rules and plug the cable in again"
