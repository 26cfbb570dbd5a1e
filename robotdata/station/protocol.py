"""The protocol between a station and the server, version 1.

The station is the client of the websocket `/ws/station/`, with the rigs' token. Messages are JSON objects with a
`type` and a version `v` (`robotdata.rig.protocol.encode` and `decode`). The station sends `hello`, then `state` at
every change and every HEARTBEAT_S, and one `answer` for each `ask`. The server sends `welcome` or `refused`, then
`ask`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

VERSION = 1
HEARTBEAT_S = 2.0
SILENT_S = 6.0
"""A station that has sent nothing for so long is offline."""
MAX_RIGS = 32
STATION_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}"
LAST_WORDS = 40
"""Lines of a rig's output that a station remembers."""

ASKS = {
    "devices": 10.0,
    "preview": 15.0,
    "preview_driver": 40.0,
    "kinds": 60.0,
    "find_cameras": 60.0,
    "find_network_cameras": 10.0,
    "camera_streams": 20.0,
    "measure_rate": 20.0,
    "pythons": 10.0,
    "read_rig": 5.0,
    "check_text": 5.0,
    "write_rig": 10.0,
    "remove_rig": 40.0,
    "start_rig": 10.0,
    "stop_rig": 40.0,
    "restart_rig": 40.0,
    "check_rig": 60.0,
    "calibrate": 10.0,
    "install_drivers": 10.0,
    "dialog_read": 10.0,
    "dialog_write": 5.0,
    "dialog_end": 20.0,
}
"""What the server may ask a station, and how many seconds the answer may take."""

RIG_STATES = ("stopped", "starting", "running", "failed")
"""`failed`: the process has ended by itself; it is started again after a pause, unless its file is wrong."""


class RigProcess(TypedDict):
    """One rig file of a station and the process that runs it.

    `since` is unix time in seconds, `last_words` the newest lines of the process's output, `problem` why it failed or
    why its file cannot be used (empty: neither). `robot` and `teleoperator` are `kind` or `kind type`; `devices` are
    the same by name, where one of several teleoperators is `teleoperator arm`. `version` is the file's (see
    `write_rig`), `running_version` that with which the process was started (empty: none runs). Where the two differ, a
    restart applies the change.
    """

    name: str
    state: str
    since: float
    pid: int | None
    version: str
    running_version: NotRequired[str]
    robot: str
    teleoperator: str
    devices: NotRequired[dict[str, str]]
    cameras: list[str]
    fps: float
    problem: str
    last_words: list[str]


class StationInfo(TypedDict):
    """The station in `hello`: `name` is the computer's (STATION_NAME), `rigs` the folder of its rig files."""

    name: str
    pid: int
    software: str
    python: str
    rigs: str


class Hello(TypedDict):
    """The first message of a connection."""

    type: Literal["hello"]
    protocol: int
    station: StationInfo
    rigs: list[RigProcess]
    devices_seq: int


class State(TypedDict):
    """The rigs of the station. `devices_seq` grows when a port or camera is plugged in or out."""

    type: Literal["state"]
    rigs: list[RigProcess]
    devices_seq: int


class SerialPort(TypedDict):
    """A serial port. `path` is stable (by-id) if there is one, `node` the device file; `vid_pid` is "1a86:55d3".

    `holder` says which process has it open, `problem` why it cannot be opened and what to do; empty if neither.
    """

    path: str
    node: str
    name: str
    serial: str
    vid_pid: str
    holder: str
    problem: str


class CameraFormat(TypedDict):
    """One pixel format of a camera at one size (pixels), with its highest rate (frames per second)."""

    pixel_format: str
    width: int
    height: int
    fps: float


class CameraDevice(TypedDict):
    """A camera of this computer. `url` opens it as a `pyav` camera and is stable (by-id or by-path) if possible.

    `bus` names its USB bus and port as the kernel does ("1-2.3": bus 1, port 3 of the hub in port 2), `usb_mbit` the
    speed of that bus; cameras on one bus share it. A format's rate is 0 if the camera does not tell it.
    """

    url: str
    node: str
    name: str
    bus: str
    usb_mbit: int | None
    formats: list[CameraFormat]
    holder: str
    problem: str


class Devices(TypedDict):
    """The answer to `devices`."""

    ports: list[SerialPort]
    cameras: list[CameraDevice]
    devices_seq: int


class Preview(TypedDict):
    """The answer to `preview` {url} and `preview_driver` {python, table}: a picture of a camera, as base64 of a JPEG.

    `table` is that of a camera that `find_cameras` has found. Sizes are in pixels.
    """

    jpeg: str
    width: int
    height: int


class PartField(TypedDict):
    """One key of a table inside a device's table, such as that of one of two arms; see `Field`."""

    key: str
    kind: str
    required: bool
    default: Any
    help: str
    choices: NotRequired[list[str]]


class Field(PartField):
    """One key of a device's table, for a form.

    `kind` is text, integer, number, flag, choice, port (a serial port), pose (a number for each joint), joints (a table
    with limits, unit and speed for each joint), table or list. A table with `fields` has a field for each of its keys;
    others are written as TOML.
    """

    fields: NotRequired[list[PartField]]


class DeviceKind(TypedDict):
    """A kind of device that a rig file may name: `type` is LeRobot's type, empty for kinds without types."""

    role: str
    kind: str
    type: str
    label: str
    help: str
    fields: list[Field]


class Kinds(TypedDict):
    """The answer to `kinds` {python}: what that interpreter offers (empty: the station's own).

    `failed` says what cannot be imported and why, by module; `lerobot` is its version, or empty.
    """

    python: str
    lerobot: str
    kinds: list[DeviceKind]
    failed: dict[str, str]


class FoundCamera(TypedDict):
    """A camera that only a driver sees. `table` names it in a rig file; `depth` says whether it has a depth stream.

    `about` tells it from others of the same name, such as by its serial number.
    """

    name: str
    about: str
    table: dict[str, Any]
    depth: bool


class FoundCameras(TypedDict):
    """The answer to `find_cameras` {python}: what its drivers find, and by driver why it does not look."""

    cameras: list[FoundCamera]
    failed: dict[str, str]


class NetworkCamera(TypedDict):
    """A camera that has answered on the network. `service` is where it can be asked for its streams, if it says so.

    `hardware` is its model where its `name` does not have it; `address` that of the network.
    """

    name: str
    hardware: str
    address: str
    service: str


class NetworkCameras(TypedDict):
    """The answer to `find_network_cameras`: those that speak ONVIF and have answered in time."""

    cameras: list[NetworkCamera]


class CameraStream(TypedDict):
    """A stream of a network camera: `url` opens it as a `pyav` camera, with the user and password that were given.

    Size (pixels) and rate (frames per second) are those that it is set to; 0 if the camera does not say.
    """

    name: str
    url: str
    encoding: str
    width: int
    height: int
    fps: float


class CameraStreams(TypedDict):
    """The answer to `camera_streams` {service, user, password}: the streams of one network camera."""

    streams: list[CameraStream]


class MeasuredRate(TypedDict):
    """The answer to `measure_rate` {url, width, height, fps, pixel_format}: how fast a camera delivers.

    The camera is opened as a rig would open it. `fps` is the mean of `frames` over about a second.
    """

    fps: float
    frames: int


class PythonFound(TypedDict):
    """An environment of this computer with LeRobot.

    `path` is that of its Python, empty for the station's own; `lerobot` its version; `robotdata` says whether our
    package is installed there, too, without which it cannot run a rig.
    """

    path: str
    lerobot: str
    robotdata: bool


class Pythons(TypedDict):
    """The answer to `pythons`: the environments that were found, the best first."""

    pythons: list[PythonFound]


class RigText(TypedDict):
    """The answer to `read_rig` {name}: the file, its version, and its tables as plain values (empty if it is wrong)."""

    name: str
    text: str
    version: str
    tables: dict[str, Any]
    errors: list[TextError]


class TextError(TypedDict):
    """An error of a rig file: `line` counts from 1 (None: unknown), `key` is such as `cameras.front.url`."""

    line: int | None
    key: str
    message: str


class CheckedText(TypedDict):
    """The answer to `check_text` {text}: the rig's name, its tables, and its errors."""

    name: str
    tables: dict[str, Any]
    errors: list[TextError]


class Written(TypedDict):
    """The answer to `write_rig` {name, text, version}: the file's new version.

    `version` in the ask is the one that was read, or null for a new rig. Refused with `changed` if the file is another
    by now, `exists` if a new rig has the name of another one, `invalid` (with `errors`) if the text has errors.
    """

    version: str


class CheckLine(TypedDict):
    """One device of a rig that was tried: `text` says what it gave, or why it cannot be used and what to do."""

    device: str
    ok: bool
    text: str


class CheckedRig(TypedDict):
    """The answer to `check_rig` {text}: every device connected, read once and released; a robot is never moved."""

    lines: list[CheckLine]


class Begun(TypedDict):
    """The answer to `calibrate` {name, role} and `install_drivers` {packages}: a dialog's id and its terminal's size.

    Both may ask for `columns`. `role` is robot, teleoperator or, of several, `teleoperator arm`. Refused with `running`
    while the rig's process runs.
    """

    dialog: str
    rows: int
    columns: int


class DialogOutput(TypedDict):
    """The answer to `dialog_read` {dialog, after}: what a terminal shows, from position `first` to `next`.

    It comes as soon as there is something after the position `after`, or within half a second. `exit_code` is that of
    the program, None while it runs. `dialog_write` {dialog, text} types, where "\\x03" is Ctrl-C; `dialog_end` {dialog}
    ends the program, which releases its device.
    """

    text: str
    first: int
    next: int
    exit_code: int | None


class AnswerError(TypedDict):
    """Why an ask was refused: a code, and the reason with what to do, for a person."""

    code: str
    message: str
    errors: NotRequired[list[TextError]]


class Answer(TypedDict):
    """The answer to the ask `id`: `result` is one of the shapes above, `{}` for start, stop, restart and remove."""

    type: Literal["answer"]
    id: str
    ok: bool
    result: dict[str, Any]
    error: AnswerError | None


class Ask(TypedDict):
    """What the server asks: `name` is one of ASKS."""

    type: Literal["ask"]
    id: str
    name: str
    args: dict[str, Any]
