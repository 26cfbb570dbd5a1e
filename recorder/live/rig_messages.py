"""The messages of a rig, validated before they are used."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from recorder.text import sanitize_json
from robotdata.files import plain_json
from robotdata.files.versions import check_version
from robotdata.rig import protocol
from robotdata.rig.shapes import check_shape
from robotdata.spool.facts import check_features, check_summary
from robotdata.spool.fields import Fields, OddField, short_repr
from robotdata.websocket import BadMessage

log = logging.getLogger(__name__)

MAX_CAMERAS = 16
_MOST_NOTED = 200
_noted: set[str] = set()
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,48}$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


def _as_words(value: Any) -> str:
    """Return an optional text of up to 2000 characters; anything invalid counts as empty."""
    return value[:2000] if isinstance(value, str) else ""


def _as_pid(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _as_features(value: Any) -> Any:
    """Leave out invalid features; the comparison of rig and dataset then shows that they are missing."""
    return _note("hello", check_features(value)) if isinstance(value, dict) else value


def _as_names(value: Any) -> Any:
    lists = value.values() if isinstance(value, dict) else [None]
    good = all(isinstance(each, list) and all(isinstance(name, str) for name in each) for each in lists)
    return value if good else None


def _as_error(value: Any) -> Any:
    return value if isinstance(value, dict) else None


def _as_status(value: Any) -> Any:
    return checked_status(value) if isinstance(value, dict) else {}


MaybeWords = Annotated[str, BeforeValidator(_as_words)]


def _as_inputs(value: Any) -> dict[str, Any]:
    """Return what pages may drive; invalid parts are left out."""
    if not isinstance(value, dict):
        return {}
    fields = Fields(value)
    check_shape(fields, protocol.InputsInfo)
    return _note("hello", (fields.checked, fields.odd))


class UnknownMessage(Exception):
    """An unknown message type, which newer rigs may send; it is ignored."""


class BadTake(BadMessage):
    """A message about the take `take_id` whose other fields are invalid."""

    def __init__(self, take_id: str, why: str) -> None:
        super().__init__(why)
        self.take_id = take_id


class Loose(BaseModel):
    """Accepts unknown fields, which newer rigs may send."""

    model_config = ConfigDict(extra="allow")


class Camera(Loose):
    """A camera of a rig: size in pixels, frames per second."""

    key: Key
    name: Key
    width: int = Field(ge=1, le=16384)
    height: int = Field(ge=1, le=16384)
    fps: float = Field(gt=0, le=1000)


class RigInfo(Loose):
    """The rig's identity, and the features and cameras that it delivers."""

    name: Name
    robot_type: MaybeWords = ""
    fps: float = Field(ge=1, le=240)
    features: Annotated[dict[str, Any], BeforeValidator(_as_features)]
    recorded_action: MaybeWords = ""
    cameras: list[Camera] = Field(max_length=MAX_CAMERAS)
    inputs: Annotated[dict[str, Any], BeforeValidator(_as_inputs)] = Field(default_factory=dict)
    software: MaybeWords = ""
    pid: Annotated[int, BeforeValidator(_as_pid)] = 0
    host: MaybeWords = ""
    spool: MaybeWords = ""
    started_as: MaybeWords = ""


class Status(Loose):
    """A rig's status. Invalid fields are left out, so that one field does not take a rig offline."""

    type: Literal["status"]
    state: str = ""
    since: float | None = 0
    controls: list[str] = Field(default_factory=list)
    take: dict[str, Any] | None = None
    message: str | None = None
    warnings: list[dict[str, Any]] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _door(cls, value: Any) -> Any:
        return checked_status(value) if isinstance(value, dict) else value


class Hello(Loose):
    """A rig's first message: its identity, its status and the takes on its disk."""

    type: Literal["hello"]
    protocol: int
    rig: RigInfo
    status: Annotated[dict[str, Any], BeforeValidator(_as_status)] = Field(default_factory=dict)
    takes: list[Any] = Field(default_factory=list, max_length=20_000)
    """`read_card` reads each, so that an invalid one does not keep the others from being listed."""

    @property
    def sessions(self) -> set[str]:
        """Return the sessions of the take that is being recorded and of the one that ended last."""
        takes = [self.status.get(name) for name in ("take", "last_take")]
        return {str(take.get("session")) for take in takes if isinstance(take, dict)}


class TakeMoved(Loose):
    """A take on the rig has changed."""

    type: Literal["take"]
    event: Any = None
    take: dict[str, Any]
    """`read_card` reads it; its other fields are validated one by one where they are stored."""


class Telemetry(Loose):
    """Telemetry rows and, at first, the names and units of their values."""

    type: Literal["telemetry"]
    rows: list[Any] = Field(max_length=2000)
    names: Annotated[dict[str, list[str]] | None, BeforeValidator(_as_names)] = None
    units: Annotated[dict[str, list[str]] | None, BeforeValidator(_as_names)] = None


class Reply(Loose):
    """The rig's reply to the command with the same id."""

    type: Literal["reply"]
    id: str = Field(max_length=64)
    ok: bool
    error: Annotated[dict[str, Any] | None, BeforeValidator(_as_error)] = None


class Heard(Loose):
    """The answer of a rig's device to a message of the browser `to`."""

    type: Literal["heard"]
    device: str = Field(max_length=200)
    to: str = Field(max_length=200)
    body: dict[str, Any]


Parsed = TypeVar("Parsed", bound=BaseModel)
Message = Hello | Status | TakeMoved | Telemetry | Reply | Heard
KINDS: dict[str, type[Message]] = {
    "hello": Hello,
    "status": Status,
    "take": TakeMoved,
    "telemetry": Telemetry,
    "reply": Reply,
    "heard": Heard,
}


def read_json(text: str) -> dict[str, Any]:
    """Parse one JSON object. NaN and infinity become null, which browsers require, and NUL U+FFFD. Raise BadMessage."""
    try:
        value = plain_json.read_json(text)
    except ValueError as error:
        raise BadMessage(f"a message {str(error)[:120]}") from error
    if not isinstance(value, dict):
        raise BadMessage("a message must be a JSON object")
    # Only an escape can contain such a character; this saves walking through telemetry.
    return dict(sanitize_json(value)) if _ESCAPED.search(text) else value


def read_card(card: Any) -> tuple[str, str, int]:
    """Return (id, state, ticks) of a take that a rig describes.

    Raise BadMessage if it has no id, and BadTake, with the id, if state or ticks are invalid.
    """
    try:
        take_id = str(UUID(card["id"]))
    except (LookupError, TypeError, ValueError, AttributeError):
        raise BadMessage(f"a take's id must be a UUID, not {short_repr(card)}") from None
    try:
        facts = check_summary({name: card.get(name) for name in ("state", "ticks")})
    except ValueError as error:
        raise BadTake(take_id, f"The rig's description of the take {take_id} {error}") from error
    return take_id, facts["state"], facts.get("ticks") or 0


def checked_status(value: dict[str, Any]) -> dict[str, Any]:
    """Return a status whose fields are valid for every page; invalid ones are left out, and logged once."""
    fields = Fields(value)
    check_shape(fields, protocol.Status)
    return _note("status", (fields.checked, fields.odd))


def _note(kind: str, checked: tuple[dict[str, Any], list[OddField]]) -> dict[str, Any]:
    made, odd = checked
    for each in odd:
        if str(each) not in _noted and len(_noted) < _MOST_NOTED:
            _noted.add(str(each))
            log.warning("Ignored an invalid field in a rig's %s: %s", kind, each)
    return made


def read_message(text: str) -> Message:
    """Parse and validate a message. Raise BadMessage naming the invalid field, UnknownMessage for an unknown type."""
    return parse_message(read_json(text), KINDS, protocol.VERSION)


def parse_message(data: dict[str, Any], kinds: Mapping[str, type[Parsed]], version: int) -> Parsed:
    """Return a rig's or station's message as one of `kinds` by its type. Raise as `read_message`."""
    kind = data.get("type")
    if kind != "hello":  # a hello names its protocol version, and is refused with a message of its own
        try:
            check_version(data.get("v"), version, f"the message {kind!r:.40}")
        except ValueError as error:
            raise BadMessage(str(error)) from None
    if not isinstance(kind, str):
        raise BadMessage(f"a message needs a type: one of {', '.join(kinds)}")
    if kind not in kinds:
        raise UnknownMessage(kind[:40])
    try:
        return kinds[kind].model_validate(data)
    except ValidationError as error:
        raise BadMessage(f"{kind}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """Return the first invalid field and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def wanted_cameras(value: Any) -> dict[str, float]:
    """Validate a viewer's `{"<camera key>": fps}`. Raise BadMessage if it is invalid."""
    if not isinstance(value, dict) or len(value) > MAX_CAMERAS:
        raise BadMessage(f"watch: cameras must be an object of at most {MAX_CAMERAS} camera keys")
    wanted: dict[str, float] = {}
    for key, fps in value.items():
        if not isinstance(fps, int | float) or isinstance(fps, bool) or not 0 <= fps <= 240:
            raise BadMessage(f"watch: cameras.{key[:80]} must be frames per second, 0 to 240")
        if fps > 0 and len(key) <= 200:
            wanted[key] = float(fps)
    return wanted


def drawn_cameras(value: Any) -> list[int]:
    """Validate a viewer's list of camera indexes, one for each frame that it has drawn. Raise BadMessage."""
    if not isinstance(value, list) or len(value) > 8 * MAX_CAMERAS:
        raise BadMessage("drawn: cameras must be a list of camera indexes")
    if not all(isinstance(place, int) and not isinstance(place, bool) and 0 <= place < 256 for place in value):
        raise BadMessage("drawn: cameras: an index must be a number from 0 to 255")
    return value


def ping_number(value: Any) -> int:
    """Return the number of a viewer's ping. Raise BadMessage if it is not an integer from 0 to 2**53 - 1."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise BadMessage("ping: id must be an integer")
    return value
