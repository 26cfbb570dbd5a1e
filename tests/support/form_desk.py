"""What a fake station answers to the form of a rig: devices that can be unplugged, files that are kept."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from robotdata.station.built_in import BUILT_IN, with_common
from robotdata.station.rig_text import read_rig_text
from robotdata.video.jpeg import encode_jpeg

PC = "form-pc"
LEFT, RIGHT = "/dev/serial/by-id/left", "/dev/serial/by-id/right"
FILE = """# the arm at the window
[rig]
name = "so101"
fps = 30
[robot]
kind = "lerobot"
type = "so101_follower"
port = "/dev/serial/by-id/left"  # left plug
[teleoperator]
kind = "autopilot"
"""


def field(key: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"key": key, "kind": kind, "required": False, "default": None, "help": "", **more}


def kind(role: str, name: str, label: str, fields: list[dict[str, Any]], lerobot: str = "") -> dict[str, Any]:
    shown = with_common(role, fields) if role == "robot" else fields  # type: ignore[arg-type]
    return {"role": role, "kind": name, "type": lerobot, "label": label, "help": "", "fields": shown}


KINDS = [
    kind("robot", "sim", "Simulated arm", []),
    kind(
        "robot",
        "lerobot",
        "SO-101 follower",
        [
            field("port", "port", required=True),
            field("on_end", "choice", choices=["hold", "release", "rest"], default="release"),
            field("use_degrees", "flag", default=True),
            field("arm_config", "table"),
        ],
        "so101_follower",
    ),
    kind("teleoperator", "autopilot", "Autopilot", [field("seed", "integer", default=0)]),
    next({**each} for each in BUILT_IN if (each["role"], each["kind"]) == ("teleoperator", "browser")),
    kind("camera", "sim", "Simulated camera", []),
    kind("camera", "pyav", "USB or network camera", [field("url", required=True)]),
]


def camera(number: int) -> dict[str, Any]:
    formats = [
        {"pixel_format": "yuyv", "width": 640, "height": 480, "fps": 30.0},
        {"pixel_format": "yuyv", "width": 800, "height": 600, "fps": 30.0},
        {"pixel_format": "yuyv", "width": 1280, "height": 720, "fps": 30.0},
    ]
    about = {"url": f"v4l2:/dev/v4l/by-id/cam{number}", "node": f"/dev/video{number}", "name": f"Camera {number}"}
    return about | {"bus": f"3-{number + 1}", "usb_mbit": 480, "formats": formats, "holder": "", "problem": ""}


class Desk:
    """What the station answers: devices that can be unplugged, files that are kept."""

    def __init__(self) -> None:
        self.ports = [LEFT, RIGHT]
        self.cameras, self.devices_seq = 2, 0
        self.files: dict[str, str] = {"so101": FILE}
        self.version = "v1"
        self.rate = 24.8
        """Frames a second that every camera really delivers."""
        self.checked = [{"device": "robot", "ok": True, "text": "6 joints"}]

    def port(self, path: str) -> dict[str, Any]:
        node = f"/dev/ttyACM{int(path == RIGHT)}"
        about = {"path": path, "node": node, "name": "Adapter", "serial": path}
        return about | {"vid_pid": "", "holder": "", "problem": ""}

    def __call__(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        return getattr(self, name, lambda _: {"result": {}})(args)  # type: ignore[no-any-return]

    def devices(self, _: dict[str, Any]) -> dict[str, Any]:
        ports, cameras = [self.port(path) for path in self.ports], [camera(n) for n in range(self.cameras)]
        return {"result": {"ports": ports, "cameras": cameras, "devices_seq": self.devices_seq}}

    def kinds(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"result": {"python": "", "lerobot": "0.6.1", "kinds": KINDS, "failed": {}}}

    def preview(self, _: dict[str, Any]) -> dict[str, Any]:
        jpeg = encode_jpeg(np.full((48, 64, 3), 90, np.uint8), 90)
        return {"result": {"jpeg": base64.b64encode(jpeg).decode(), "width": 64, "height": 48}}

    def preview_driver(self, args: dict[str, Any]) -> dict[str, Any]:
        assert args["table"]["kind"] == "realsense"
        return self.preview(args)

    def measure_rate(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"result": {"fps": self.rate, "frames": 25}}

    def find_cameras(self, _: dict[str, Any]) -> dict[str, Any]:
        table = {"kind": "realsense", "serial": "0123456789"}
        found = {"name": "Intel RealSense D435", "about": "serial 0123456789", "table": table, "depth": True}
        return {"result": {"cameras": [found], "failed": {"looped": "no USB"}}}

    def check_text(self, args: dict[str, Any]) -> dict[str, Any]:
        checked = read_rig_text(args["text"])
        return {"result": {"name": checked.name, "tables": checked.tables, "errors": checked.errors}}

    def check_rig(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"result": {"lines": self.checked}}

    def read_rig(self, args: dict[str, Any]) -> dict[str, Any]:
        about = {"name": args["name"], "version": self.version, "tables": {}, "errors": []}
        return {"result": {**about, "text": self.files[args["name"]]}}

    def write_rig(self, args: dict[str, Any]) -> dict[str, Any]:
        if args["version"] not in (None, self.version):
            return {"error": {"code": "changed", "message": "Somebody changed so101.toml meanwhile."}}
        self.files[args["name"]] = args["text"]
        self.version += "+"
        return {"result": {"version": self.version}}
