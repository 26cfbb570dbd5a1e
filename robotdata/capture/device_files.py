"""Device files, serial ports and cameras: which there are, who may open them, and who has them open."""

from __future__ import annotations

import contextlib
import grp
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_SERIAL = ("ttyACM*", "ttyUSB*", "cu.*")
_OTHERS = ("cu.Bluetooth*", "cu.debug*", "cu.wlan*")
"""What macOS lists among its serial ports without anything being plugged in."""
_ROOT = 0


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders of the system that tell of devices."""

    dev: Path = Path("/dev")
    sys: Path = Path("/sys")
    proc: Path = Path("/proc")


SYSTEM = Roots()


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a device file open."""

    pid: int
    program: str

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.program})"


def serial_ports(roots: Roots = SYSTEM) -> list[Path]:
    """Return the device files of the serial ports that are plugged in, on Linux and macOS."""
    nodes = {path for pattern in _SERIAL for path in roots.dev.glob(pattern)}
    return sorted(nodes - {path for pattern in _OTHERS for path in roots.dev.glob(pattern)})


def video_nodes(roots: Roots = SYSTEM) -> list[Path]:
    """Return V4L2's device files by number. A camera has several; one of them gives pictures."""
    nodes = [path for path in roots.dev.glob("video[0-9]*") if path.name[5:].isdigit()]
    return sorted(nodes, key=lambda path: int(path.name[5:]))


def node_problem(node: str, roots: Roots = SYSTEM) -> str | None:
    """Return why this process cannot open a device file, with what to do; None if it could now."""
    path = Path(node)
    if not path.exists():
        others = ", ".join(map(str, serial_ports(roots))) if "video" not in path.name else ""
        remedy = f"this computer has {others}" if others else "check its cable"
        tool = "lerobot-find-cameras" if "video" in path.name else "lerobot-find-port"
        return f"{node} does not exist: {remedy}; `{tool}` finds the right one"
    problem = permission_problem(path)
    if problem:
        return problem
    holder = holder_of(node, roots)
    return f"{node} is in use by {holder}; stop that process" if holder else None


def permission_problem(path: Path) -> str:
    """Return that this process must not open a device file, and what changes it; empty if it may."""
    if os.access(path, os.R_OK | os.W_OK):
        return ""
    return f"no permission to open {path}: {_permission(path)}"


def holder_of(node: str, roots: Roots = SYSTEM) -> str:
    """Return another process that has a device file open, as far as /proc says so; empty if none is known."""
    return "".join(map(str, holders_of([node], roots).values()))


def holders_of(nodes: Collection[str], roots: Roots = SYSTEM) -> dict[str, Holder]:
    """Return which other process has each of these device files open, as far as /proc says so."""
    by_target = {os.path.realpath(node): node for node in nodes}
    holders: dict[str, Holder] = {}
    for process in roots.proc.glob("[0-9]*") if by_target else ():
        if process.name == str(os.getpid()):
            continue
        for target in _open_files(process):
            if target in by_target:
                holders.setdefault(by_target[target], Holder(int(process.name), _program(process)))
    return holders


def _open_files(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended, or belongs to another user
        for entry in os.scandir(process / "fd"):
            with contextlib.suppress(OSError):
                yield str(Path(entry.path).readlink())


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "unknown"


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
