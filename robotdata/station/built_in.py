"""The keys of the kinds of devices that robotdata itself brings, for forms; tests hold them against the drivers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from robotdata.station.protocol import DeviceKind, Field

PIXEL_FORMATS = ("any", "mjpeg", "nv12", "yuyv", "uyvy", "yuv420", "rgb", "bgr", "grey", "h264")


def _field(
    key: str, kind: str, default: Any, text: str, *, required: bool = False, among: tuple[str, ...] = ()
) -> Field:
    field: Field = {"key": key, "kind": kind, "required": required, "default": default, "help": text}
    if among:
        field["choices"] = list(among)
    return field


CAMERA_FIELDS = [
    _field("width", "integer", 640, "Pixels, an even number of 32 or more."),
    _field("height", "integer", 480, "Pixels, an even number of 32 or more."),
    _field("fps", "number", None, "Frames per second, 1 to 240; without it, the rig's."),
    _field("rotate", "integer", 0, "Degrees that its pictures are turned clockwise: 90, 180 or 270."),
]
"""The keys of every camera, whatever its kind."""
ROBOT_FIELDS = [
    _field(
        "on_end",
        "choice",
        None,
        "What it does when the rig ends: rest is to go to its rest pose first; without it, its driver decides.",
        among=("rest",),
    ),
    _field("reset", "choice", None, "rest is to go to the rest pose when a reset phase begins.", among=("rest",)),
    _field("rest", "pose", None, "The rest pose; a joint without a value stays where it is."),
    _field("rest_speed", "number", 30, "How fast a joint moves to the rest pose and back, in its unit a second."),
    _field(
        "approach_speed",
        "number",
        None,
        "How fast a joint may move to the teleoperator once connected, in its unit a second; 0: it goes at once.",
    ),
    _field("replay_speed", "number", 60, "How fast a joint may move in a replay, in its unit a second."),
    _field(
        "action",
        "choice",
        None,
        "What a new dataset keeps as the action: what the robot was sent, or what the teleoperator requested.",
        among=("sent", "requested"),
    ),
]
"""The keys of every robot, whatever its kind; a kind may have one of them with a default or choices of its own."""
_DEPTH = [
    _field("depth", "flag", False, "Frames are depth, 16 bits in millimetres."),
    _field("depth_min", "number", 0.01, "Metres: the nearest depth that an episode's video tells apart."),
    _field("depth_max", "number", 10.0, "Metres: depth beyond this is clipped in an episode's video."),
    _field("shift", "number", 3.5, "Metres added before the logarithm."),
    _field("use_log", "flag", True, "Finer steps where it is near."),
]
_FAULTS = [
    _field(f"{fault}_after_s", "number", 0, f"For tests: {what} after so many seconds; 0 is never.")
    for fault, what in (
        ("freeze", "the same frame is repeated"),
        ("hang", "the camera does not answer"),
        ("lose", "the camera is unplugged"),
        ("black", "frames are black"),
    )
]
_PATH = _field("path", "text", None, "Folder of a LeRobotDataset v3.0.", required=True)


def with_common(role: str, fields: Iterable[Field]) -> list[Field]:
    """Return the fields of a kind with those that every device of its role has, behind its own."""
    own = list(fields)
    keys = {field["key"] for field in own}
    common = {"camera": CAMERA_FIELDS, "robot": ROBOT_FIELDS}.get(role, [])
    return own + [field for field in common if field["key"] not in keys]


def _kind(role: str, kind: str, label: str, text: str, *fields: Field) -> DeviceKind:
    common = with_common(role, fields)
    return {"role": role, "kind": kind, "type": "", "label": label, "help": text, "fields": common}


BUILT_IN: list[DeviceKind] = [
    _kind(
        "robot",
        "sim",
        "Simulated arm",
        "An arm with six joints and blocks on a table; nothing has to be plugged in.",
        _field("fail_after_s", "number", 0, "For tests: it stops responding after so many seconds; 0 is never."),
    ),
    _kind("robot", "replay", "Replayed dataset", "Plays the observations of a dataset, episode by episode.", _PATH),
    _kind(
        "teleoperator",
        "autopilot",
        "Autopilot",
        "Moves the simulated arm by itself.",
        _field("seed", "integer", 0, "Selects its random movements."),
    ),
    _kind(
        "teleoperator",
        "browser",
        "Browser",
        "Somebody drives on the record page: sliders, keys, a gamepad or a phone.",
        _field("low", "number", None, "The lower limit of each joint without its own, in its unit."),
        _field("high", "number", None, "The upper limit of each joint without its own, in its unit."),
        _field("speed", "number", None, "Units a second; by default a quarter of the range."),
        _field("unit", "text", None, "The unit of the joints, for the page only."),
        _field("hold_button", "integer", 7, "The button of a gamepad that must be held; 7 is the right trigger."),
        _field("joints", "joints", None, "Joints with limits, a unit or a speed of their own."),
    ),
    _kind("teleoperator", "replay", "Replayed dataset", "Plays the actions of a dataset.", _PATH),
    _kind(
        "camera",
        "pyav",
        "Camera",
        "A USB camera, a network camera or a video file.",
        _field(
            "url",
            "text",
            None,
            "v4l2:/dev/..., avfoundation:0, rtsp:, http:, https:, or a file's path.",
            required=True,
        ),
        _field("pixel_format", "choice", "any", "The only format to ask a USB camera for.", among=PIXEL_FORMATS),
        _field(
            "fit",
            "choice",
            "exact",
            "Refuse frames of another size, or scale them between black bars.",
            among=("exact", "letterbox"),
        ),
        _field("loop", "flag", True, "A file begins again at its end."),
        _field("verify_certificate", "flag", True, "Of an https camera: false accepts any certificate."),
    ),
    _kind("camera", "browser", "Phone or laptop", "A browser's camera; the record page shows the code that pairs it."),
    _kind(
        "camera",
        "sim",
        "Simulated camera",
        "Draws the simulated arm.",
        _field(
            "view", "choice", None, "Where it stands; by default as its name says.", among=("front", "top", "wrist")
        ),
        _field("barcode", "flag", False, "Each frame shows its number."),
        _field("sync", "choice", "free", "A rate of its own, or one frame per tick.", among=("free", "tick")),
        *_DEPTH,
        *_FAULTS,
    ),
    _kind(
        "camera",
        "replay",
        "Replayed camera",
        "Plays a camera of a dataset.",
        _PATH,
        _field("feature", "text", None, "The camera in the dataset, such as observation.images.front."),
        *_DEPTH,
    ),
]

WITH_PACKAGES: list[DeviceKind] = [
    _kind(
        "camera",
        "realsense",
        "RealSense",
        "Colour or depth of a RealSense; needs the package pyrealsense2 in the rig's Python.",
        _field(
            "serial",
            "text",
            None,
            "The serial number on the camera; “Find RealSense and others” shows it.",
            required=True,
        ),
        *_DEPTH,
    ),
]
"""Kinds of ours that want a package which may be missing; their check says how to install it."""
