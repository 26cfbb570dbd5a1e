"""The serial ports and cameras of this computer: which there are, what they offer, and who has them open."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from robotdata.capture.device_files import (
    SYSTEM,
    Holder,
    Roots,
    holders_of,
    permission_problem,
    serial_ports,
    video_nodes,
)
from robotdata.capture.usb import UsbDevice, read_text, stable_paths, usb_device
from robotdata.station.protocol import CameraDevice, CameraFormat, SerialPort
from robotdata.video.mac_cameras import MacCamera, mac_cameras
from robotdata.video.v4l2 import Ioctl, capability_from, modes_from, open_ioctl
from robotdata.video.v4l2_formats import Mode, Steps, format_name

log = logging.getLogger(__name__)
COMMON_SIZES = ((320, 240), (640, 480), (800, 600), (1280, 720), (1280, 960), (1920, 1080), (2560, 1440), (3840, 2160))
_MOST_DEVICES = 64
_MOST_FORMATS = 200
OpenIoctl = Callable[[str], AbstractContextManager[Ioctl]]
NameOfHolder = Callable[[Holder], str]


class Discovery:
    """Looks for devices in the folders of `roots`. `open_ioctl` opens a camera for queries; `list_mac` lists a Mac's.

    What a camera offers is asked once for each time that it is plugged in. The methods may be called in any thread.
    """

    def __init__(
        self,
        roots: Roots = SYSTEM,
        open_ioctl: OpenIoctl = open_ioctl,
        list_mac: Callable[[], list[MacCamera]] = mac_cameras,
    ) -> None:
        self.roots = roots
        self._list_mac = list_mac
        self._open_ioctl = open_ioctl
        self._known: dict[tuple[str, int], tuple[str, list[Mode]] | None] = {}
        self._lock = threading.Lock()

    def plugged_in(self) -> frozenset[tuple[str, int]]:
        """Return the present device files, each with a number that differs when it is plugged in again. This is cheap.

        Raises OSError.
        """
        nodes = [*serial_ports(self.roots), *video_nodes(self.roots)]
        found = set()
        for node in nodes:
            with contextlib.suppress(FileNotFoundError):
                found.add((node.name, node.stat().st_ino))
        return frozenset(found)

    def ports(self, name_of: NameOfHolder = str) -> list[SerialPort]:
        """Return the serial ports; `name_of` says how a process that holds one is called."""
        nodes = serial_ports(self.roots)[:_MOST_DEVICES]
        devices = [usb_device(self.roots.sys / "class/tty" / node.name / "device") for node in nodes]
        paths = stable_paths(self.roots, "serial", nodes, devices)
        holders = holders_of([str(node) for node in nodes], self.roots)
        return [
            {
                "path": str(path),
                "node": str(node),
                "name": device.name,
                "serial": device.serial,
                "vid_pid": device.vid_pid,
                "holder": name_of(holder) if (holder := holders.get(str(node))) else "",
                "problem": permission_problem(node),
            }
            for node, path, device in zip(nodes, paths, devices, strict=True)
        ]

    def cameras(self, name_of: NameOfHolder = str) -> list[CameraDevice]:
        """Return the V4L2 cameras, without the nodes of a camera that give no pictures, and those of a Mac."""
        nodes = video_nodes(self.roots)[:_MOST_DEVICES]
        devices = [usb_device(self._class(node) / "device") for node in nodes]
        paths = stable_paths(self.roots, "v4l", nodes, devices)
        holders = holders_of([str(node) for node in nodes], self.roots)
        cameras = [_mac_camera(each) for each in self._list_mac()]
        for node, path, device in zip(nodes, paths, devices, strict=True):
            camera = self._camera(node, path, device)
            if camera is not None:
                holder = holders.get(str(node))
                cameras.append(camera | {"holder": name_of(holder) if holder else ""})
        return cameras

    def _class(self, node: Path) -> Path:
        return self.roots.sys / "class/video4linux" / node.name

    def _camera(self, node: Path, path: Path, device: UsbDevice) -> CameraDevice | None:
        """Return one camera without its holder; None if the node gives no pictures."""
        name, modes, problem = read_text(self._class(node) / "name"), [], permission_problem(node)
        if problem:
            if read_text(self._class(node) / "index") not in ("", "0"):
                return None
        else:
            try:
                answer = self._ask(node)
            except OSError as error:
                problem = f"{node} cannot be asked what it offers ({error.strerror}): plug its cable in again"
            else:
                if answer is None:
                    return None
                name, modes = answer[0] or name, answer[1]
        formats = _formats(modes)
        if not problem and modes and not formats:
            codes = ", ".join(sorted({mode.code.strip() for mode in modes}))
            problem = f"it offers {codes} only, which `pyav` does not read; a depth camera needs a driver of its own"
        return {
            "url": f"v4l2:{path}",
            "node": str(node),
            "name": name or device.name,
            "bus": device.port,
            "usb_mbit": device.mbit,
            "formats": formats,
            "holder": "",
            "problem": problem,
        }

    def _ask(self, node: Path) -> tuple[str, list[Mode]] | None:
        """Return a camera's name and modes; None if the node gives no pictures. Raises OSError."""
        key = str(node), node.stat().st_ino
        with self._lock:
            if key not in self._known:
                with self._open_ioctl(str(node)) as ioctl:
                    capability = capability_from(ioctl)
                    usable = capability is not None and capability.captures
                    self._known[key] = (capability.card, modes_from(ioctl)) if capability and usable else None
                for old in [old for old in self._known if old[0] == key[0] and old != key]:
                    del self._known[old]
            return self._known[key]


def _mac_camera(camera: MacCamera) -> CameraDevice:
    """Return a camera of a Mac, which lists no formats and does not say who has it: several programs may."""
    return {
        "url": camera.url,
        "node": "",
        "name": camera.name,
        "bus": "",
        "usb_mbit": None,
        "formats": [],
        "holder": "",
        "problem": "",
    }


def _formats(modes: Sequence[Mode]) -> list[CameraFormat]:
    """Return what a `pyav` camera can ask for: large pictures first, and of one size the best format first."""
    rates: dict[tuple[str, int, int], float] = {}
    for mode in modes:
        name = format_name(mode.code)
        for width, height in _sizes(mode) if name else ():
            rate = max((each.high for each in mode.rates), default=0.0)
            key = name, width, height
            rates[key] = max(rates.get(key, 0.0), round(rate, 3))
    formats: list[CameraFormat] = [
        {"pixel_format": name, "width": width, "height": height, "fps": rate}
        for (name, width, height), rate in rates.items()
    ]
    return sorted(formats, key=lambda each: -each["width"] * each["height"])[:_MOST_FORMATS]


def _sizes(mode: Mode) -> list[tuple[int, int]]:
    """Return the sizes of a mode that a rig file may name; of a range of sizes the common ones and the largest."""
    largest = int(mode.width.high), int(mode.height.high)
    if _single(mode.width) and _single(mode.height):
        sizes = [largest]
    else:
        sizes = [each for each in COMMON_SIZES if mode.width.holds(each[0]) and mode.height.holds(each[1])]
        sizes += [largest] if largest not in sizes else []
    return [(width, height) for width, height in sizes if width % 2 == 0 and height % 2 == 0]


def _single(steps: Steps) -> bool:
    return steps.low == steps.high


def holder_name(rigs: Mapping[int, str], nobody: Collection[int] = ()) -> NameOfHolder:
    """Return how processes are called: `rigs` are the names of those that run one; those of `nobody` have none."""

    def name(holder: Holder) -> str:
        if holder.pid in nobody:
            return ""
        return f"rig {rigs[holder.pid]}" if holder.pid in rigs else str(holder)

    return name
