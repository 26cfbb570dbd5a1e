"""The protocol between a rig and the server, version 1, as `docs/rig-protocol.md` describes it.

The rig is the client of a websocket. Messages are JSON objects with a `type` and a version `v`; previews are binary.
Both sides check messages against the TypedDicts here (`shapes.check_shape`), with default limits where none is given.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from robotdata.capture import clock
from robotdata.capture.texts import tidy_task
from robotdata.rig.ages import way_s
from robotdata.rig.messages import MAX_TEXT_BYTES, VERSION, ProtocolError, decode, encode
from robotdata.rig.preflight_info import PreflightInfo
from robotdata.rig.replay_info import ReplayInfo
from robotdata.rig.shapes import Limit
from robotdata.rig.states import COMMANDS

__all__ = ["MAX_TEXT_BYTES", "VERSION", "ProtocolError", "decode", "encode"]
"""What `robotdata.rig.messages` shares with stations; everything else here is the rig's own."""

_CANNOT = ("disk_full", "camera_missing", "busy", "no_threads")
REFUSALS = ("not_allowed", "late", "no_take", "mismatch", *_CANNOT, "bad_args")
REFUSE_MINUTES = 2.0
"""No take begins with disk space for fewer minutes of recording than this."""


class CameraInfo(TypedDict):
    """One camera of a rig: `width` and `height` in pixels, `fps` in frames per second."""

    key: str
    name: str
    width: int
    height: int
    fps: float


class JointInfo(TypedDict):
    """A joint that pages drive (`capture.browser_joints.Joint`), with the name that people read as `label`."""

    name: str
    label: str
    low: float
    high: float
    speed: float
    unit: Annotated[str, Limit(20)]
    velocity: bool
    keys: Annotated[list[str], Limit(2)]
    axis: float | None
    invert: bool
    plus_button: float | None
    minus_button: float | None


class DriveInfo(TypedDict):
    """The teleoperator of the kind `browser`; `hold_button` is the button of a gamepad that must be held."""

    joints: list[JointInfo]
    hold_button: float


class InputsInfo(TypedDict):
    """The devices that take messages from browsers; `cameras` are keys."""

    teleoperator: NotRequired[DriveInfo]
    cameras: NotRequired[list[str]]


class RigInfo(TypedDict):
    """The rig in `hello`: `fps` is the control loop's rate in Hz, `features` are LeRobot's.

    `recorded_action` says which of a tick's two actions its datasets get, `sent` or `requested` (`capture.actions`).
    Its takes hold both; those of a rig that does not say it hold the action that was sent.
    """

    name: str
    robot_type: str
    fps: float
    features: dict[str, Any]
    recorded_action: NotRequired[str]
    cameras: list[CameraInfo]
    inputs: NotRequired[dict[str, Any]]
    software: str
    pid: int
    host: str
    spool: str
    started_as: str


class TakeEntry(TypedDict):
    """A take on the rig's disk, in `hello`."""

    id: str
    state: str
    ticks: int


class Hello(TypedDict):
    """The first message of a connection."""

    type: Literal["hello"]
    protocol: int
    rig: RigInfo
    status: Status
    takes: list[TakeEntry]


class CurrentTake(TypedDict):
    """The take being recorded; `outcome` (success, failure or None) and `note` are kept for its take.json."""

    id: str
    ticks: int
    elapsed_s: float
    task: Annotated[str, Limit(2000)]
    dataset: str
    session: str
    outcome: NotRequired[str | None]
    note: NotRequired[Annotated[str, Limit(10_000)]]


class LastTake(TypedDict):
    """The take that has ended last; `rerecord` rejects it if none is being recorded."""

    id: str
    ticks: int
    task: Annotated[str, Limit(2000)]
    dataset: str
    session: str


class Timer(TypedDict):
    """The timer of the state `phase`: its end in unix seconds, its length in seconds; None without a timer."""

    phase: str
    ends_at: float | None
    total_s: float | None


class CameraCounters(TypedDict):
    """A camera's measured rate, its dropped frames, the age of its newest frame, and its state (`CameraHealth`)."""

    fps: float
    dropped: int
    age_s: float | None
    state: str


class PartTime(TypedDict):
    """What a part of the control loop's ticks takes in ms, over about the last second."""

    p50_ms: float
    p99_ms: float


class LoopTimes(TypedDict):
    """The time of a tick in ms, and what each part takes of it (`capture.loop_time.PARTS`)."""

    period_ms: float
    parts: dict[str, PartTime]


class Counters(TypedDict):
    """The control loop's counters since the last take began (`LoopCounters`), its times, and the cameras' by key."""

    ticks: int
    late_ticks: int
    dropped_ticks: int
    fps: float
    jitter_p99_ms: float
    loop: NotRequired[LoopTimes | None]
    cameras: dict[str, CameraCounters]


class Disk(TypedDict):
    """Free space on the spool's disk, in bytes and in minutes of recording."""

    free_bytes: int
    minutes_left: float | None


class Warning(TypedDict):
    """A lasting problem: `device` as in `Problem`, `since` unix time in seconds, `text` for a person."""

    code: Annotated[str, Limit(60)]
    camera: str | None
    text: Annotated[str, Limit(2000)]
    device: NotRequired[str]
    since: NotRequired[float]


class ProblemInfo(TypedDict):
    """A problem that keeps the rig from recording (`rig.problems.Problem`)."""

    code: Annotated[str, Limit(60)]
    device: str
    camera: str | None
    reason: Annotated[str, Limit(2000)]
    remedy: Annotated[str, Limit(2000)]
    since: float
    text: Annotated[str, Limit(4000)]


class Status(TypedDict):
    """The state of the rig, sent at every change and several times a second; `since` is unix time in seconds."""

    type: Literal["status"]
    seq: int
    clock: NotRequired[float]
    """When it was made, in seconds of the rig's own clock; the server's commands have it as `echo`."""
    state: Annotated[str, Limit(20)]
    since: Annotated[float, Limit(1e11, least=0)]
    controls: Annotated[list[str], Limit(40)]
    take: CurrentTake | None
    last_take: LastTake | None
    timer: Timer
    counters: Counters
    disk: Disk
    saving: Annotated[int, Limit(1e6, least=0)]
    message: Annotated[str | None, Limit(2000)]
    warnings: list[Warning]
    error: ProblemInfo | None
    cannot_record: list[ProblemInfo]
    on_end: NotRequired[Annotated[str, Limit(20)]]
    """What happens to the robot's torque when the rig ends: hold, release, rest, or empty if nobody says it."""
    approach_speed: NotRequired[float]
    """How fast the robot goes to its teleoperator once connected, in its joints' unit a second; 0: at once."""
    preflight: NotRequired[PreflightInfo | None]
    replay: NotRequired[ReplayInfo | None]


class Telemetry(TypedDict):
    """Rows of the control loop: each [unix seconds, state, action]; `names` and `units` ("": unknown) come once."""

    type: Literal["telemetry"]
    t: float
    names: NotRequired[dict[str, list[str]]]
    units: NotRequired[dict[str, list[str]]]
    rows: list[list[Any]]


class TakeEvent(TypedDict):
    """A take was started, saved or discarded (`event`)."""

    type: Literal["take"]
    event: str
    take: dict[str, Any]


class ReplyError(TypedDict):
    """Why a command was refused: a code of REFUSALS, and the reason for a person."""

    code: str
    message: str
    differences: NotRequired[list[dict[str, Any]]]


class Reply(TypedDict):
    """The reply to the command `id`."""

    type: Literal["reply"]
    id: str
    ok: bool
    error: ReplyError | None


class Heard(TypedDict):
    """The answer of a device to the `input` of the browser `to`."""

    type: Literal["heard"]
    device: str
    to: str
    body: dict[str, Any]


class CommandRefused(Exception):
    """A command is not executed; `code` is one of REFUSALS, `message` the reason for a person."""

    def __init__(self, code: str, message: str, *, differences: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.differences = differences

    def as_error(self) -> ReplyError:
        """Return the error as a reply holds it."""
        error: ReplyError = {"code": self.code, "message": self.message}
        if self.differences is not None:
            error["differences"] = self.differences
        return error


@dataclass(frozen=True, slots=True)
class Command:
    """A command from a person; `args` is not yet checked."""

    id: str
    name: str
    args: Mapping[str, Any]
    came: float = field(default_factory=clock.monotonic, compare=False)
    """When it came, in seconds of the rig's own clock."""
    way_s: float = field(default=0.0, compare=False)
    """The most that it was on its way from the server, in seconds; 0 where the server does not say it."""


def as_command(name: str, **args: Any) -> Command:
    """Return a command with a new id, as if it had come over the link."""
    return Command(str(uuid.uuid4()), name, args)


@dataclass(frozen=True, slots=True)
class RecordArgs:
    """The arguments of a `record` command. Times are in seconds; None means no timer.

    `take` is the id of the new take, or None to let the rig choose it. `expect` is None, or the `fps` and `features`
    of the dataset, which the rig must match.
    """

    session: str
    dataset: str
    task: str
    operator: str
    take: str | None
    countdown_s: float
    episode_s: float | None
    reset_s: float | None
    expect: Mapping[str, Any] | None


def parse_command(message: Mapping[str, Any], came: float | None = None) -> Command:
    """Return the command of a message that `came` at this time (None: now), in seconds of the rig's clock.

    Raises ProtocolError without a valid id, CommandRefused for an unknown name.
    """
    command_id, name, args = message.get("id"), message.get("name"), message.get("args") or {}
    if not isinstance(command_id, str) or not 0 < len(command_id) <= 100:
        raise ProtocolError("a command without a usable 'id'")
    if name not in COMMANDS:
        raise CommandRefused("bad_args", f"unknown command {name!r:.60}; want one of {', '.join(COMMANDS)}")
    if not isinstance(args, dict):
        raise CommandRefused("bad_args", f"the args of {name!r} are not an object")
    came = clock.monotonic() if came is None else came
    return Command(command_id, name, args, came, way_s(message, came))


def parse_watch(message: Mapping[str, Any]) -> dict[str, float]:
    """Return the preview rate (frames/s, at most 240) for each camera key of a `watch` message, without invalid ones.

    Raises ProtocolError if the message has no `cameras`.
    """
    cameras = message.get("cameras")
    if not isinstance(cameras, dict):
        raise ProtocolError("a watch without 'cameras'")
    return {
        str(key): min(float(fps), 240.0)
        for key, fps in list(cameras.items())[:256]
        if isinstance(fps, int | float) and fps > 0
    }


def parse_record(args: Mapping[str, Any]) -> RecordArgs:
    """Return the checked arguments of `record`. Raises CommandRefused(bad_args), naming the argument."""
    expect = args.get("expect")
    if expect is not None and not isinstance(expect, dict):
        raise CommandRefused("bad_args", "expect: want an object with fps and features, or null")
    take = _text(args, "take", 36) or None
    return RecordArgs(
        session=_text(args, "session", 100),
        dataset=_text(args, "dataset", 200),
        task=tidy_task(_text(args, "task", 1000)),
        operator=_text(args, "operator", 200),
        take=take,
        countdown_s=_seconds(args, "countdown_s", 60) or 0.0,
        episode_s=_seconds(args, "episode_s", 86_400),
        reset_s=_seconds(args, "reset_s", 86_400),
        expect=expect,
    )


def _text(args: Mapping[str, Any], name: str, limit: int) -> str:
    value = args.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit:
        raise CommandRefused("bad_args", f"{name}: want text of at most {limit} characters, got {value!r:.60}")
    return value


def _seconds(args: Mapping[str, Any], name: str, limit: float) -> float | None:
    value = args.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= limit:
        raise CommandRefused("bad_args", f"{name}: want 0 to {limit:g} seconds, got {value!r:.60}")
    return float(value)
