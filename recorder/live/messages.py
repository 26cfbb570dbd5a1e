"""What the sockets say to browsers and to one another: the shapes, with their one place."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from robotdata.rig.protocol import PREVIEW, VERSION

Kind = Literal["episode", "operation", "job", "dataset", "rig", "session"]


class Moved(TypedDict):
    """A row moved; the page fetches its fragment again."""

    type: Literal["moved"]
    kind: Kind
    id: str
    dataset: str
    state: str
    operation: NotRequired[str]  # of a job
    rig: NotRequired[str]  # of a session or an episode
    label: NotRequired[str]  # of a rig: how its state is called, and the end of a CSS class
    tone: NotRequired[str]
    reason: NotRequired[str]  # why it cannot record
    verdict: NotRequired[str]  # of an episode, and when it was recorded: whether it is a new one of a list
    recorded_at: NotRequired[str]


class Refresh(TypedDict):
    """More moved than is worth naming, or something may have been missed: fetch everything again."""

    type: Literal["refresh"]


class FrameHead(NamedTuple):
    """The header of a preview frame."""

    camera: int
    seq: int
    captured_ns: int


def frame_head(data: bytes) -> FrameHead:
    """Raises ValueError where the bytes are no preview frame of a version that we know."""
    if len(data) <= PREVIEW.size:
        raise ValueError(f"a preview frame has a header of {PREVIEW.size} bytes and a JPEG, got {len(data)} bytes")
    version, camera, seq, captured_ns = PREVIEW.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"a preview frame of version {version}; this server reads {VERSION}")
    return FrameHead(camera, seq, captured_ns)


def frame_at(data: bytes, captured_ns: int) -> bytes:
    """The same preview frame with another capture time: that of another clock."""
    version, camera, seq, _ = PREVIEW.unpack_from(data)
    return PREVIEW.pack(version, camera, seq, max(0, captured_ns)) + data[PREVIEW.size :]


def offline_status(name: str, message: str = "", cut_off: Any = None) -> dict[str, Any]:
    """The status of a rig that sends none; `cut_off` is the take that it was recording when it fell silent."""
    return {
        "type": "status",
        "rig": name,
        "online": False,
        "state": "offline",
        "controls": [],
        "message": message or None,
        "cut_off": cut_off if isinstance(cut_off, dict) else None,
    }
