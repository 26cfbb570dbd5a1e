"""What /sys says of the USB device behind a device file, and which of its names are stable."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robotdata.capture.device_files import Roots

_BUS = re.compile(r"usb\d+")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A USB device: `vid_pid` is "1a86:55d3", `port` the kernel's name of its place, `mbit` the speed of its bus."""

    name: str = ""
    serial: str = ""
    vid_pid: str = ""
    port: str = ""
    mbit: int | None = None


def usb_device(device: Path) -> UsbDevice:
    """Return the USB device of a `device` link in /sys/class; an empty one for a device that is not on USB."""
    try:
        folder = device.resolve(strict=True)
    except (OSError, RuntimeError):
        return UsbDevice()
    for usb in (folder, *folder.parents):
        vendor = read_text(usb / "idVendor")
        if vendor:
            bus = next((parent for parent in usb.parents if _BUS.fullmatch(parent.name)), usb)
            speed = read_text(bus / "speed")
            name = " ".join(part for part in (read_text(usb / "manufacturer"), read_text(usb / "product")) if part)
            return UsbDevice(
                name=name,
                serial=read_text(usb / "serial"),
                vid_pid=f"{vendor}:{read_text(usb / 'idProduct')}",
                port=usb.name,
                mbit=int(float(speed)) if re.fullmatch(r"\d+(\.\d+)?", speed) else None,
            )
    return UsbDevice()


def read_text(path: Path) -> str:
    """Return the line in a file of /sys; empty if there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(4 * _LONGEST)
    except OSError:
        return ""
    return " ".join(data.decode("utf-8", "replace").split())[:_LONGEST]


def stable_paths(roots: Roots, kind: str, nodes: Sequence[Path], devices: Sequence[UsbDevice]) -> list[Path]:
    """Return for each node the link in /dev/`kind` that will still name it after the next start.

    `by-id` names the device itself, wherever it is plugged in, but two devices of one make without serial numbers get
    the same name; then `by-path` names the socket. A node without a link is returned itself.
    """
    by_id, by_path = (_links(roots.dev / kind / folder) for folder in ("by-id", "by-path"))
    alike = Counter((device.vid_pid, device.serial) for device in set(devices))
    chosen = []
    for node, device in zip(nodes, devices, strict=True):
        target = str(node.resolve())
        order = (by_id, by_path) if alike[device.vid_pid, device.serial] == 1 else (by_path,)
        chosen.append(next((links[target] for links in order if target in links), node))
    return chosen


def _links(folder: Path) -> dict[str, Path]:
    """Return the links of a folder by the file that they lead to, the shortest name first."""
    try:
        links = sorted(folder.iterdir(), key=lambda link: (len(link.name), link.name), reverse=True)
        return {str(link.resolve()): link for link in links}
    except OSError:
        return {}
