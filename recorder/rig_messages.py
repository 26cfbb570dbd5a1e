"""What a rig says over its socket, checked before anybody believes it."""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from recorder.storable import storable

MAX_CAMERAS = 16
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,48}$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Words = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]


def _none_as_empty(value: Any) -> Any:
    return "" if value is None else value


MaybeWords = Annotated[Words, BeforeValidator(_none_as_empty)]


class UnknownMessage(Exception):
    """A type that we do not know: newer rigs may send it, and it is passed over."""


class BadMessage(Exception):
    """A message that does not follow docs/rig-protocol.md; the text says what and where."""


class Loose(BaseModel):
    """Newer rigs may say more than we know."""

    model_config = ConfigDict(extra="allow")


class Camera(Loose):
    key: Key
    name: Key
    width: int = Field(ge=1, le=16384)
    height: int = Field(ge=1, le=16384)
    fps: float = Field(gt=0, le=1000)


class RigCard(Loose):
    """Who the rig is and what it delivers."""

    name: Name
    robot_type: MaybeWords = ""
    fps: float = Field(ge=1, le=240)
    features: dict[str, Any]
    cameras: list[Camera] = Field(max_length=MAX_CAMERAS)
    software: MaybeWords = ""
    pid: int = Field(default=0, ge=0)
    host: MaybeWords = ""
    spool: MaybeWords = ""
    started_as: MaybeWords = ""


class TakeCard(Loose):
    """A take that lies on the rig's disk."""

    id: UUID
    state: Literal["recording", "recorded", "interrupted"]
    ticks: int = Field(default=0, ge=0, le=2**31 - 1)


class Status(Loose):
    type: Literal["status"]
    state: Annotated[str, StringConstraints(max_length=20)]
    since: float = Field(default=0, ge=0)
    controls: list[Annotated[str, StringConstraints(max_length=40)]] = Field(default_factory=list, max_length=40)
    take: dict[str, Any] | None = None
    message: str | None = None
    warnings: list[Any] = Field(default_factory=list, max_length=200)


class Hello(Loose):
    type: Literal["hello"]
    protocol: int
    rig: RigCard
    status: dict[str, Any] = Field(default_factory=dict)
    takes: list[TakeCard] = Field(default_factory=list, max_length=20_000)


class TakeMoved(Loose):
    type: Literal["take"]
    event: Literal["started", "saved", "discarded", "interrupted"]
    take: TakeCard


class Telemetry(Loose):
    type: Literal["telemetry"]
    rows: list[Any] = Field(max_length=2000)
    names: dict[str, list[str]] | None = None


class Reply(Loose):
    type: Literal["reply"]
    id: str = Field(max_length=64)
    ok: bool
    error: dict[str, Any] | None = None


Message = Hello | Status | TakeMoved | Telemetry | Reply
KINDS: dict[str, type[Message]] = {
    "hello": Hello,
    "status": Status,
    "take": TakeMoved,
    "telemetry": Telemetry,
    "reply": Reply,
}


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def read_json(text: str) -> dict[str, Any]:
    """One JSON object; NaN and infinity become null, for browsers refuse them, and NUL U+FFFD. Raises BadMessage."""
    try:
        value = json.loads(text, parse_constant=lambda _name: None, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"no JSON: {str(error)[:120]}") from error
    if not isinstance(value, dict):
        raise BadMessage("a message is a JSON object")
    # Only an escape can bring such a character, and telemetry is spared the walk.
    return dict(storable(value)) if _ESCAPED.search(text) else value


def read_message(text: str) -> Message:
    """The message, checked; raises BadMessage naming the field that is wrong, UnknownMessage for a new type."""
    data = read_json(text)
    kind = data.get("type")
    if not isinstance(kind, str):
        raise BadMessage(f"a message has a type: one of {', '.join(KINDS)}")
    if kind not in KINDS:
        raise UnknownMessage(kind[:40])
    try:
        return KINDS[kind].model_validate(data)
    except ValidationError as error:
        _blame(kind, error)


def _blame(kind: str, error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    raise BadMessage(f"{kind}: {where}: {first['msg']}") from error


def wanted_cameras(value: Any) -> dict[str, float]:
    """A viewer's `{"<camera key>": fps}`, checked; raises BadMessage."""
    if not isinstance(value, dict) or len(value) > MAX_CAMERAS:
        raise BadMessage(f"watch: cameras is an object of at most {MAX_CAMERAS} camera keys")
    wanted: dict[str, float] = {}
    for key, fps in value.items():
        if not isinstance(fps, int | float) or isinstance(fps, bool) or not math.isfinite(fps) or not 0 <= fps <= 240:
            raise BadMessage(f"watch: cameras.{key[:80]}: frames a second, 0 to 240")
        if fps > 0 and len(key) <= 200:
            wanted[key] = float(fps)
    return wanted


def drawn_cameras(value: Any) -> list[int]:
    """A viewer's list of camera places, one for each picture that it has drawn; raises BadMessage."""
    if not isinstance(value, list) or len(value) > 8 * MAX_CAMERAS:
        raise BadMessage("drawn: cameras is a list of the places of cameras")
    if not all(isinstance(place, int) and not isinstance(place, bool) and 0 <= place < 256 for place in value):
        raise BadMessage("drawn: cameras: a place is a number from 0 to 255")
    return value


def ping_number(value: Any) -> int:
    """The number of a viewer's ping; raises BadMessage."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise BadMessage("ping: id is a whole number")
    return value
