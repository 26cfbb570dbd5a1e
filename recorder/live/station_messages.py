"""The messages of a station and its answers, validated before they are used (`robotdata.station.protocol`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from recorder.live.rig_messages import Loose, MaybeWords, first_problem, parse_message, read_json
from recorder.text import sanitize_json
from robotdata.station.protocol import ASKS, LAST_WORDS, MAX_RIGS, VERSION

MAX_RIG_TEXT = 65_536
"""Characters of a rig file; a station takes no larger one."""
MAX_DIALOG_TEXT = 1 << 17
LONGEST_PREVIEW = 4_000_000
"""Characters of a picture in base64: that of one message and more."""


def _cut(longest: int) -> BeforeValidator:
    """A text of at most `longest` characters; a longer one is cut, anything else is empty."""
    return BeforeValidator(lambda value: value[:longest] if isinstance(value, str) else "")


def _as_words(value: Any) -> list[str]:
    """Return the newest lines of a process's output; anything else counts as none."""
    lines = value if isinstance(value, list) else []
    return [line[:1000] for line in lines[-LAST_WORDS:] if isinstance(line, str)]


def _as_since(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e11 else 0.0


def _as_text_list(value: Any) -> list[str]:
    return [each[:200] for each in value[:256] if isinstance(each, str)] if isinstance(value, list) else []


def _as_kinds(value: Any) -> dict[str, str]:
    """Return the kinds of a rig's devices by name; what is none is left out."""
    items = list(value.items())[:32] if isinstance(value, dict) else []
    return {name[:80]: kind[:200] for name, kind in items if isinstance(kind, str)}


StationName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,119}$")]
RigName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,48}$")]
Text = Annotated[str, _cut(200)]
Path = Annotated[str, _cut(1000)]
Words = Annotated[str, _cut(4000)]
Number = Annotated[int, Field(ge=0, lt=2**53)]


class Plain(BaseModel):
    """Leaves out unknown fields, which newer stations may send."""

    model_config = ConfigDict(extra="ignore")


class RigProcess(Plain):
    """One rig file of a station and the process that runs it; see `robotdata.station.protocol.RigProcess`."""

    name: RigName
    state: Annotated[str, _cut(20)] = "stopped"
    since: Annotated[float, BeforeValidator(_as_since)] = 0.0
    pid: int | None = None
    version: Text = ""
    running_version: Text = ""
    robot: Text = ""
    teleoperator: Text = ""
    devices: Annotated[dict[str, str], BeforeValidator(_as_kinds)] = {}
    cameras: Annotated[list[str], BeforeValidator(_as_text_list)] = []
    fps: Annotated[float, BeforeValidator(_as_since)] = 0.0
    problem: Words = ""
    last_words: Annotated[list[str], BeforeValidator(_as_words)] = []


class StationInfo(Plain):
    """The station's name, process, versions and the folder of its rig files."""

    name: StationName
    pid: Annotated[int, Field(ge=0, lt=2**31)] = 0
    software: MaybeWords = ""
    python: MaybeWords = ""
    rigs: MaybeWords = ""


class State(Loose):
    """The rigs of a station, and the number of its newest change of ports and cameras."""

    type: Literal["state"]
    rigs: list[RigProcess] = Field(max_length=MAX_RIGS)
    devices_seq: Number = 0


class Hello(Loose):
    """A station's first message."""

    type: Literal["hello"]
    protocol: int
    station: StationInfo
    rigs: list[RigProcess] = Field(default_factory=list, max_length=MAX_RIGS)
    devices_seq: Number = 0


class Answer(Loose):
    """The answer to the ask with the same id; whoever asked checks the result's shape (`read_result`)."""

    type: Literal["answer"]
    id: str = Field(max_length=64)
    ok: bool
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


Message = Hello | State | Answer
KINDS: dict[str, type[Message]] = {"hello": Hello, "state": State, "answer": Answer}


def read_message(text: str) -> Message:
    """Parse and validate a message. Raise BadMessage naming the invalid field, UnknownMessage for an unknown type."""
    return parse_message(read_json(text), KINDS, VERSION)


# --- what a station answers; the API answers the same shapes ------------------------------------------
class SerialPort(Plain):
    """A serial port; `holder` is the process that has it open, `problem` why it cannot be opened."""

    path: Path
    node: Path = ""
    name: Text = ""
    serial: Text = ""
    vid_pid: Text = ""
    holder: Words = ""
    problem: Words = ""


class CameraFormat(Plain):
    """A pixel format of a camera at one size in pixels, with its highest rate in frames per second."""

    pixel_format: Text
    width: Annotated[int, Field(ge=1, le=16384)]
    height: Annotated[int, Field(ge=1, le=16384)]
    fps: Annotated[float, Field(ge=0, le=10_000)]


class CameraDevice(Plain):
    """A camera of a computer; `bus` is its USB socket, `usb_mbit` the speed of that socket's bus."""

    url: Path
    node: Path = ""
    name: Text = ""
    bus: Text = ""
    usb_mbit: int | None = None
    formats: list[CameraFormat] = Field(default_factory=list, max_length=500)
    holder: Words = ""
    problem: Words = ""


class Devices(Plain):
    """The serial ports and cameras of a computer."""

    ports: list[SerialPort] = Field(max_length=256)
    cameras: list[CameraDevice] = Field(max_length=64)
    devices_seq: Number = 0


class Preview(Plain):
    """One picture of a camera: a JPEG in base64, and its size in pixels."""

    jpeg: Annotated[str, StringConstraints(max_length=LONGEST_PREVIEW, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
    width: int
    height: int


class PartField(Plain):
    """One key of a table inside a device's table, for a form."""

    key: Annotated[str, Field(max_length=200)]
    kind: Text
    required: bool = False
    default: Any = None
    help: Words = ""
    choices: list[Text] | None = Field(default=None, max_length=500)


class KindField(PartField):
    """One key of a device's table, for a form; a table may have `fields` of its own."""

    fields: list[PartField] | None = Field(default=None, max_length=200)


class DeviceKind(Plain):
    """A kind of device that a rig file may name; `type` is LeRobot's type, empty for kinds without types."""

    role: Literal["robot", "teleoperator", "camera"]
    kind: Text
    type: Text = ""
    label: Text = ""
    help: Words = ""
    fields: list[KindField] = Field(default_factory=list, max_length=500)


class Kinds(Plain):
    """The kinds of devices that an interpreter offers, and by module what it cannot import and why."""

    python: Path = ""
    lerobot: Text = ""
    kinds: list[DeviceKind] = Field(max_length=1000)
    failed: Annotated[dict[str, Words], Field(max_length=500)] = {}


class FoundCamera(Plain):
    """A camera that only a driver sees; `table` names it in a rig file."""

    name: Text
    about: Text = ""
    table: Annotated[dict[Text, Text | int], Field(max_length=16)]
    depth: bool = False


class FoundCameras(Plain):
    """The cameras that the drivers of an interpreter find, and by driver why it does not look."""

    cameras: list[FoundCamera] = Field(max_length=32)
    failed: Annotated[dict[str, Words], Field(max_length=500)] = {}


class NetworkCamera(Plain):
    """A camera of the network; `service` is where it can be asked for its streams, if it says so."""

    name: Text
    hardware: Text = ""
    address: Text = ""
    service: Path = ""


class NetworkCameras(Plain):
    """The cameras of the network that have answered in time."""

    cameras: list[NetworkCamera] = Field(max_length=64)


class CameraStream(Plain):
    """A stream of a network camera; size (pixels) and rate are 0 if the camera does not say."""

    name: Text
    url: Path
    encoding: Text = ""
    width: Annotated[int, Field(ge=0, le=16384)] = 0
    height: Annotated[int, Field(ge=0, le=16384)] = 0
    fps: Annotated[float, Field(ge=0, le=10_000)] = 0.0


class CameraStreams(Plain):
    """The streams of one network camera, with the user and password that were given in each url."""

    streams: list[CameraStream] = Field(max_length=32)


class MeasuredRate(Plain):
    """The rate at which a camera delivers: the mean of `frames` over about a second, in frames per second."""

    fps: Annotated[float, Field(ge=0, le=1_000_000)]
    frames: Number = 0


class PythonFound(Plain):
    """An environment of a computer with LeRobot; `robotdata` says whether it can run a rig."""

    path: Path = ""
    lerobot: Text = ""
    robotdata: bool = False


class Pythons(Plain):
    """The environments of a computer with LeRobot, the best first."""

    pythons: list[PythonFound] = Field(max_length=300)


class TextError(Plain):
    """An error of a rig file; `line` counts from 1, `key` is such as `cameras.front.url`."""

    line: int | None = None
    key: Text = ""
    message: Words = ""


RigFileText = Annotated[str, Field(max_length=MAX_RIG_TEXT)]
Errors = Annotated[list[TextError], Field(max_length=200)]


class RigText(Plain):
    """A rig file, its version, its tables as plain values, and its errors."""

    name: RigName
    text: RigFileText
    version: Text
    tables: dict[str, Any] = {}
    errors: Errors = []


class CheckedText(Plain):
    """A checked text: the rig's name, its tables, and its errors."""

    name: Text = ""
    tables: dict[str, Any] = {}
    errors: Errors = []


class Written(Plain):
    """The new version of a rig file."""

    version: Text


class CheckLine(Plain):
    """One device that was tried: what it gave, or why it cannot be used and what to do."""

    device: Text
    ok: bool
    text: Words = ""


class CheckedRig(Plain):
    """Every device of a rig, tried."""

    lines: list[CheckLine] = Field(max_length=64)


class Begun(Plain):
    """A dialog that has begun: its id, and the size of its terminal in characters."""

    dialog: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]
    rows: Annotated[int, Field(ge=1, le=500)]
    columns: Annotated[int, Field(ge=1, le=500)]


class DialogOutput(Plain):
    """What a terminal shows from position `first` to `next`; `exit_code` is None while its program runs."""

    text: Annotated[str, Field(max_length=MAX_DIALOG_TEXT)]
    first: Number
    next: Number
    exit_code: int | None = None


class Nothing(Plain):
    """The answer to asks that only do something."""


RESULTS: dict[str, type[Plain]] = {
    "devices": Devices,
    "preview": Preview,
    "preview_driver": Preview,
    "kinds": Kinds,
    "find_cameras": FoundCameras,
    "find_network_cameras": NetworkCameras,
    "camera_streams": CameraStreams,
    "measure_rate": MeasuredRate,
    "pythons": Pythons,
    "read_rig": RigText,
    "check_text": CheckedText,
    "write_rig": Written,
    "remove_rig": Nothing,
    "start_rig": Nothing,
    "stop_rig": Nothing,
    "restart_rig": Nothing,
    "check_rig": CheckedRig,
    "calibrate": Begun,
    "install_drivers": Begun,
    "dialog_read": DialogOutput,
    "dialog_write": Nothing,
    "dialog_end": Nothing,
}
if RESULTS.keys() != ASKS.keys():
    raise TypeError(f"each of ASKS needs a shape of its answer; differs: {RESULTS.keys() ^ ASKS.keys()}")


def read_result(name: str, result: Any) -> Plain:
    """Return the checked result of the ask `name`. Raise ValueError naming the invalid field."""
    try:
        return RESULTS[name].model_validate(sanitize_json(result or {}))
    except ValidationError as error:
        raise ValueError(first_problem(error)) from error
