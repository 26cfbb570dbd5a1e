"""Schemas of stations and rig files; what a station answers has its shape in `recorder.live.station_messages`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import Field, StringConstraints

from recorder.api.schemas import Body, text
from recorder.live.station_messages import MAX_RIG_TEXT, RigProcess, TextError

StationName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,119}$")]
RigFileText = Annotated[str, text(MAX_RIG_TEXT)]
Version = Annotated[str, text(200)]
Url = Annotated[str, text(1000, 1)]
Python = Annotated[str, text(1000)]


class StationOut(Schema):
    """A computer that runs rigs: `folder` is that of its rig files, `devices_seq` grows with each plug and unplug."""

    name: str
    online: bool
    online_since: datetime
    folder: str
    software: str
    python: str
    devices_seq: int
    rigs: list[RigProcess]
    last_seen_at: datetime | None


class KindsIn(Body):
    """The interpreter of the drivers; empty for the station's own."""

    python: Python = ""


class CameraIn(Body):
    """The camera whose picture is wanted, by the `url` that the list of devices gives."""

    url: Url


class DriverCameraIn(KindsIn):
    """A camera that only a driver of the interpreter sees, by the `table` that names it in a rig file."""

    table: Annotated[dict[Annotated[str, text(200)], Annotated[str, text(1000)] | int | float], Field(max_length=50)]


class RateIn(CameraIn):
    """A camera as a rig would open it: its own size in pixels, before it is turned, and frames per second."""

    width: Annotated[int, Field(ge=2, le=16384)]
    height: Annotated[int, Field(ge=2, le=16384)]
    fps: Annotated[float, Field(ge=1, le=240)]
    pixel_format: Annotated[str, text(20)] = ""


class SignInIn(Body):
    """A network camera's `service`, as the list of network cameras gives it, and its user and password."""

    service: Url
    user: Annotated[str, text(200)] = ""
    password: Annotated[str, text(200)] = ""


class TextIn(Body):
    """The text of a rig file (TOML)."""

    text: RigFileText


class CheckedTextOut(Schema):
    """The rig's name, its values (null if the text is not TOML), and its errors, each with its line if it is known."""

    name: str
    tables: dict[str, Any] | None
    errors: list[TextError]


class RigTextIn(TextIn):
    """The new text of a rig file, and the `version` that was read: a file that has changed since is refused."""

    version: Version


class SavedRigOut(Schema):
    """The rig's name and the new version of its file."""

    name: str
    version: str


class OrderedOut(Schema):
    """The station has done it."""

    ok: bool = True


class ValueIn(Body):
    """A value as it is written in TOML, at its place: `["robot", "left_arm_config"]`."""

    path: Annotated[list[Annotated[str, text(200, 1)]], Field(min_length=1, max_length=12)]
    toml: Annotated[str, text(8000)]


class EditIn(TextIn):
    """Values to set in a text; keys that are missing in `tables` are removed. `values` are set after them."""

    tables: Annotated[dict[Annotated[str, text(200)], Any], Field(max_length=50)]
    values: Annotated[list[ValueIn], Field(max_length=100)] = []


class EditedOut(Schema):
    """The changed text, its values, and the comments that went with what was removed."""

    text: str
    tables: dict[str, Any]
    lost: list[str]
