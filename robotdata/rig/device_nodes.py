"""Check the device files that a rig file names: whether they can be opened, who else has them, and what USB carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.capture.config import RigConfig
from robotdata.capture.device_files import SYSTEM, Roots, node_problem
from robotdata.capture.options import Options
from robotdata.capture.usb import usb_device
from robotdata.rig.preflight_info import CheckInfo, Level, check

USABLE = 0.8
"""Of a USB bus's speed so much carries pictures."""
_SCHEME = "v4l2:"
_NUMBERED = "index_or_path"
"""LeRobot's key of a camera: a path, or the number of a /dev/video."""


@dataclass(frozen=True, slots=True)
class Node:
    """A device file of the rig: its path, the name of its device, and the camera's key if it is one."""

    path: str
    device: str
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """What one camera's cable carried: bits/s, and whether they were counted or are the least that it can be."""

    bits_per_s: float
    is_counted: bool


def nodes_of(config: RigConfig) -> list[Node]:
    """Return the device files that the tables of a rig file name."""
    nodes = [Node(path, "robot") for path in _paths(config.robot.options)]
    for name, each in config.teleoperators.items():
        nodes += [Node(path, f"teleoperator {name}".strip()) for path in _paths(each.options)]
    for camera in config.cameras:
        nodes += [Node(path, f"camera {camera.name}", camera.key) for path in _paths(camera.options)]
    return nodes


def _paths(options: Options) -> list[str]:
    values = {key: options.plain(key) for key in options.names()}
    number = values.get(_NUMBERED)
    if isinstance(number, int) and not isinstance(number, bool):
        values[_NUMBERED] = f"/dev/video{number}"
    return list(dict.fromkeys(_device_files(values)))


def _device_files(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _device_files(each)
    elif isinstance(value, list):
        for each in value:
            yield from _device_files(each)
    elif isinstance(value, str) and value.removeprefix(_SCHEME).startswith("/dev/"):
        yield value.removeprefix(_SCHEME)


def port_checks(nodes: Sequence[Node], roots: Roots = SYSTEM) -> list[CheckInfo]:
    """Return a check of each device file: it exists, this process may open it, and no other process has it."""
    return [_port(node, node_problem(node.path, roots)) for node in nodes]


def _port(node: Node, problem: str | None) -> CheckInfo:
    name = node.device[0].upper() + node.device[1:]
    if problem is None:
        text = f"{name}: {node.path} can be opened, and no other process has it"
        return check("port", "ok", node.device, text, camera=node.camera)
    reason, _, remedy = problem.partition("; " if " is in use by " in problem else ": ")
    return check("port", "bad", node.device, f"{name}: {reason}", remedy, camera=node.camera)


def usb_checks(nodes: Sequence[Node], carried: Mapping[str, Carried], roots: Roots = SYSTEM) -> list[CheckInfo]:
    """Return a check of each USB bus with cameras; `carried` is by the cameras' keys."""
    buses: dict[str, tuple[int, list[Node]]] = {}
    for node in nodes:
        if node.camera not in carried:
            continue
        name = Path(node.path).resolve().name
        usb = usb_device(roots.sys / "class/video4linux" / name / "device")
        if usb.port and usb.mbit:
            buses.setdefault(usb.port.partition("-")[0], (usb.mbit, []))[1].append(node)
    return [_bus(bus, mbit, on_it, carried) for bus, (mbit, on_it) in sorted(buses.items())]


def _bus(bus: str, mbit: int, nodes: Sequence[Node], carried: Mapping[str, Carried]) -> CheckInfo:
    loads = [carried[node.camera] for node in nodes if node.camera is not None]
    load, usable = sum(each.bits_per_s for each in loads) / 1e6, USABLE * mbit
    names = ", ".join(node.device for node in nodes)
    about = "" if all(each.is_counted for each in loads) else "at least "
    text = f"USB bus {bus} carries {about}{load:.0f} of about {usable:.0f} Mbit/s for {names}"
    remedy = "Choose a smaller size, a lower rate or MJPEG, or plug a camera into another bus"
    level: Level = "ok" if load <= usable else "warn"
    return check("usb", level, "rig", text, remedy, measured={"mbit_per_s": load, "usable_mbit_per_s": usable})
