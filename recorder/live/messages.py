"""The shapes of the messages that sockets send to browsers and to one another."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from robotdata.rig.messages import VERSION
from robotdata.rig.previews import PREVIEW
from robotdata.rig.states import State

Kind = Literal["episode", "operation", "job", "dataset", "rig", "session", "station"]


class Moved(TypedDict):
    """A row changed; the page fetches its fragment again."""

    type: Literal["moved"]
    kind: Kind
    id: str
    dataset: str
    state: str
    operation: NotRequired[str]  # of a job
    operation_type: NotRequired[str]  # of an operation: a page says when a batch is done
    rig: NotRequired[str]  # of a session or an episode
    label: NotRequired[str]  # of a rig: the name of its state, with `tone`, the suffix of a CSS class
    tone: NotRequired[str]
    reason: NotRequired[str]  # why it cannot record
    verdict: NotRequired[str]  # of an episode, with `recorded_at`: lists use them to detect a new episode
    recorded_at: NotRequired[str]


class Refresh(TypedDict):
    """Too many rows changed, or changes may have been missed: fetch everything again."""

    type: Literal["refresh"]


class FrameHead(NamedTuple):
    """The header of a preview frame: camera index, sequence number, capture time in ns since 1970."""

    camera: int
    seq: int
    captured_ns: int


def frame_head(data: bytes) -> FrameHead:
    """Return the header of a preview frame. Raise ValueError if the bytes are not one or have another version."""
    if len(data) <= PREVIEW.size:
        raise ValueError(f"a preview frame has a header of {PREVIEW.size} bytes and a JPEG, got {len(data)} bytes")
    version, camera, seq, captured_ns = PREVIEW.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"a preview frame of version {version}; this server reads {VERSION}")
    return FrameHead(camera, seq, captured_ns)


def frame_at(data: bytes, captured_ns: int) -> bytes:
    """Return the preview frame with another capture time, in ns since 1970: that of another clock."""
    version, camera, seq, _ = PREVIEW.unpack_from(data)
    return PREVIEW.pack(version, camera, seq, max(0, captured_ns)) + data[PREVIEW.size :]


def offline_status(name: str, message: str = "", cut_off: Any = None) -> dict[str, Any]:
    """Return the status of a rig that sends none; `cut_off` is the take that it recorded when it went silent."""
    return {
        "type": "status",
        "rig": name,
        "online": False,
        "state": State.OFFLINE.value,
        "controls": [],
        "message": message or None,
        "cut_off": cut_off if isinstance(cut_off, dict) else None,
    }
