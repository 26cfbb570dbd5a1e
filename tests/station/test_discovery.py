"""Serial ports and cameras, in a made tree of /dev, /sys and /proc; a camera answers as a driver does."""

from __future__ import annotations

import asyncio
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from robotdata.capture.device_files import Roots
from robotdata.station.devices import Devices
from robotdata.station.discovery import Discovery, holder_name
from robotdata.video.v4l2 import ENUM_FORMATS, ENUM_RATES, ENUM_SIZES, QUERY_CAPABILITY, Ioctl
from tests.station.conftest import soon

CAPTURE, METADATA = 0x04200001, 0x04A00000
SIZES = {"MJPG": [(640, 480, 30), (1280, 720, 30)], "YUYV": [(640, 480, 15)]}


class Computer:
    """A made computer; what is plugged in can change."""

    def __init__(self, folder: Path) -> None:
        self.roots = Roots(folder / "dev", folder / "sys", folder / "proc")
        for path in (self.roots.dev, self.roots.sys / "class/tty", self.roots.sys / "class/video4linux"):
            path.mkdir(parents=True)
        self.roots.proc.mkdir()
        self.cameras: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.discovery = Discovery(self.roots, self.open_ioctl)

    def usb(self, port: str, *, serial: str = "", mbit: int = 480, name: str = "QinHeng USB Single Serial") -> Path:
        bus = self.roots.sys / f"devices/pci0/usb{port[0]}"
        device = bus / port
        device.mkdir(parents=True)
        (bus / "speed").write_text(f"{mbit}\n")
        maker, _, product = name.partition(" ")
        about = {"idVendor": "1a86", "idProduct": "55d3", "manufacturer": maker, "product": product}
        for key, value in (about | ({"serial": serial} if serial else {})).items():
            (device / key).write_text(f"{value}\n")
        return device

    def plug(self, kind: str, node: str, device: Path, *, by_id: str = "", by_path: str = "", **files: str) -> Path:
        """Make a device file of a USB device, with its links."""
        path = self.roots.dev / node
        path.touch()
        interface = device / f"{device.name}:1.0"
        interface.mkdir(exist_ok=True)
        entry = self.roots.sys / "class" / ("tty" if kind == "serial" else "video4linux") / node
        entry.mkdir()
        (entry / "device").symlink_to(interface)
        for name, value in files.items():
            (entry / name).write_text(f"{value}\n")
        for folder, link in (("by-id", by_id), ("by-path", by_path)):
            if link:
                (self.roots.dev / kind / folder).mkdir(parents=True, exist_ok=True)
                (self.roots.dev / kind / folder / link).symlink_to(path)
        return path

    def process(self, pid: int, program: str, *opened: Path) -> None:
        (self.roots.proc / str(pid) / "fd").mkdir(parents=True)
        (self.roots.proc / str(pid) / "comm").write_text(f"{program}\n")
        for number, path in enumerate(opened):
            (self.roots.proc / str(pid) / "fd" / str(number)).symlink_to(path)

    @contextmanager
    def open_ioctl(self, path: str) -> Iterator[Ioctl]:
        name = Path(path).name
        self.asked.append(name)
        camera = self.cameras.get(name, {})
        if "error" in camera:
            raise OSError(camera["error"], os.strerror(camera["error"]))
        yield driver(camera.get("capability", CAPTURE), camera.get("sizes", SIZES))


def driver(capability: int, sizes: dict[str, list[tuple[int, int, int]]]) -> Ioctl:
    """A driver's answers to VIDIOC_QUERYCAP and VIDIOC_ENUM_*, in the structures of <linux/videodev2.h>."""

    def pixels(code: str) -> int:
        return int.from_bytes(code.encode(), "little")

    def answer(request: int, buffer: bytearray) -> None:
        end = OSError(errno.EINVAL, "end of the list")
        if request == QUERY_CAPABILITY:
            struct.pack_into("=16s32s32sIII", buffer, 0, b"uvcvideo", b"HD Webcam", b"usb", 1, 0x84A00001, capability)
            return
        number = struct.unpack_from("=I", buffer)[0]
        if request == ENUM_FORMATS:
            if number >= len(sizes):
                raise end
            struct.pack_into("=I", buffer, 44, pixels(list(sizes)[number]))
            return
        code = struct.pack("=I", struct.unpack_from("=I", buffer, 4)[0]).decode()
        if request == ENUM_SIZES:
            if number >= len(sizes[code]):
                raise end
            struct.pack_into("=III", buffer, 8, 1, *sizes[code][number][:2])
            return
        assert request == ENUM_RATES
        width, height = struct.unpack_from("=II", buffer, 8)
        rates = [rate for wide, high, rate in sizes[code] if (wide, high) == (width, height)]
        if number >= len(rates):
            raise end
        struct.pack_into("=III", buffer, 16, 1, 1, rates[number])

    return answer


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_a_port_has_its_stable_path_its_name_and_who_has_it(computer: Computer) -> None:
    arm = computer.plug("serial", "ttyACM0", computer.usb("1-2", serial="58CD"), by_id="usb-1a86-58CD", by_path="pci-2")
    computer.process(4711, "python", arm)
    (port,) = computer.discovery.ports()
    assert port == {
        "path": str(computer.roots.dev / "serial/by-id/usb-1a86-58CD"),
        "node": str(arm),
        "name": "QinHeng USB Single Serial",
        "serial": "58CD",
        "vid_pid": "1a86:55d3",
        "holder": "pid 4711 (python)",
        "problem": "",
    }
    (port,) = computer.discovery.ports(holder_name({4711: "so101"}))
    assert port["holder"] == "rig so101"


def test_two_ports_of_one_make_without_serial_numbers_are_told_apart_by_their_sockets(computer: Computer) -> None:
    computer.plug("serial", "ttyUSB0", computer.usb("1-1"), by_id="usb-1a86", by_path="pci-1")
    computer.plug("serial", "ttyUSB1", computer.usb("1-2"), by_path="pci-2")
    assert [Path(port["path"]).name for port in computer.discovery.ports()] == ["pci-1", "pci-2"]


def test_a_port_that_is_not_on_usb_is_listed_by_its_node(computer: Computer) -> None:
    (computer.roots.dev / "ttyACM3").touch()
    (computer.roots.dev / "cu.usbmodem58CD").touch()  # as macOS names it
    (computer.roots.dev / "cu.Bluetooth-Incoming-Port").touch()
    assert [Path(port["path"]).name for port in computer.discovery.ports()] == ["cu.usbmodem58CD", "ttyACM3"]


def test_a_port_without_permission_says_what_gives_it(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    port = computer.plug("serial", "ttyACM0", computer.usb("1-2"))
    port.chmod(0o600)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != port)  # tests may run as root, who may open all
    (found,) = computer.discovery.ports()
    assert found["problem"].startswith(f"no permission to open {port}: add the udev rule")


def test_a_camera_has_what_it_offers_its_bus_and_who_has_it(computer: Computer) -> None:
    device = computer.usb("2-1.3", serial="A1", mbit=5000, name="Logitech C920")
    links = {"by_id": "usb-C920-video-index0", "by_path": "pci-video-index0"}
    node = computer.plug("v4l", "video0", device, **links, name="HD Pro Webcam C920", index="0")
    computer.plug("v4l", "video1", device, name="HD Pro Webcam C920", index="1")
    computer.cameras["video1"] = {"capability": METADATA}
    computer.process(99, "cheese", node)
    (camera,) = computer.discovery.cameras()
    assert camera["url"] == f"v4l2:{computer.roots.dev}/v4l/by-id/usb-C920-video-index0"
    assert (camera["name"], camera["bus"], camera["usb_mbit"]) == ("HD Webcam", "2-1.3", 5000)
    assert (camera["holder"], camera["problem"]) == ("pid 99 (cheese)", "")
    formats = [(each["pixel_format"], each["width"], each["height"], each["fps"]) for each in camera["formats"]]
    assert formats == [("mjpeg", 1280, 720, 30), ("mjpeg", 640, 480, 30), ("yuyv", 640, 480, 15)]


def test_a_camera_is_asked_once_for_each_time_that_it_is_plugged_in(computer: Computer) -> None:
    device = computer.usb("1-1")
    node = computer.plug("v4l", "video0", device)
    assert computer.discovery.cameras() == computer.discovery.cameras()
    assert computer.asked == ["video0"]
    node.rename(computer.roots.dev / "old")  # keeps its inode
    node.touch()
    computer.discovery.cameras()
    assert computer.asked == ["video0", "video0"]


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ({"error": errno.EIO}, "plug its cable in again"),
        ({"sizes": {"Z16 ": [(640, 480, 30)]}}, "offers Z16 only"),
    ],
)
def test_a_camera_that_cannot_be_used_says_why(computer: Computer, camera: dict[str, Any], words: str) -> None:
    computer.plug("v4l", "video0", computer.usb("1-1"), name="Camera")
    computer.cameras["video0"] = camera
    (found,) = computer.discovery.cameras()
    assert words in found["problem"] and found["formats"] == []


async def test_plugging_in_and_out_is_noticed(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robotdata.station.devices.LOOK_EVERY_S", 0.01)
    told: list[int] = []
    devices = Devices(computer.discovery, changed=lambda: told.append(devices.seq))
    watching = asyncio.create_task(devices.watch())
    await asyncio.sleep(0)
    arm = computer.roots.dev / "ttyACM0"
    arm.touch()
    await soon(lambda: told == [1])
    arm.unlink()
    await soon(lambda: told == [1, 2])
    assert (await devices.look({}))["devices_seq"] == 2
    watching.cancel()


async def test_a_driver_that_raises_is_an_error_of_the_ask_alone(computer: Computer) -> None:
    computer.plug("v4l", "video0", computer.usb("1-1"))
    devices = Devices(computer.discovery, changed=lambda: None)
    computer.cameras["video0"] = {"sizes": None}
    with pytest.raises(TypeError):
        await devices.look({})
    computer.cameras["video0"] = {}
    assert len((await devices.look({}))["cameras"]) == 1
