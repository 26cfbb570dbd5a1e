"""Schemas of the API; every input is bounded."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from recorder.models import Dataset, Episode, Policy, Rig, Session
from recorder.models.states import EpisodeState, RigState, Verdict
from recorder.text import NO_NUL


def text(max_length: int, min_length: int = 0) -> Any:
    """Text without NUL, which PostgreSQL cannot hold."""
    return StringConstraints(min_length=min_length, max_length=max_length, pattern=NO_NUL)


Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}$")]
RigName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,48}$")]
Task = Annotated[str, text(1000, 1)]
Operator = Annotated[str, text(150)]
Label = Annotated[str, text(100, 1)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Target = Annotated[int, Field(ge=1, le=1_000_000)]
Tick = Annotated[int, Field(ge=0, le=2**31 - 1)]
DatasetSlug = Annotated[str, BeforeValidator(attrgetter("slug"))]
"""In a response: the slug of the row's dataset."""
VerdictName = Literal["unreviewed", "keep", "reject"]


class Body(Schema):
    """Base of request bodies; unknown keys are an error."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(Schema):
    """What went wrong: a `code` for programs, a `message` for people, and for some codes a `detail`."""

    code: str
    message: str
    detail: dict[str, Any] | None = None


class Error(Schema):
    """Error response."""

    error: ErrorBody


ERRORS: dict[Any, Any] = {frozenset({400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503, 504}): Error}


# --- rigs and sessions -----------------------------------------------------------------------------
class BlockerOut(Schema):
    """Why the rig cannot record; `camera` is the key of the camera concerned, if any."""

    text: str
    camera: str | None


class RigOut(Schema):
    """A rig with its last reported state; `fps` is its nominal rate in frames per second."""

    name: str
    robot_type: str
    fps: float
    cameras: list[dict[str, Any]]
    features: dict[str, Any]
    state: RigState
    state_since: datetime
    online: bool
    controls: list[str]
    can_record: bool
    blockers: list[BlockerOut]
    status: dict[str, Any]
    host: str
    last_seen_at: datetime | None

    @staticmethod
    def resolve_online(rig: Rig) -> bool:
        return rig.is_online

    @staticmethod
    def resolve_controls(rig: Rig) -> list[str]:
        return list(rig.status.get("controls") or []) if rig.is_online else []

    @staticmethod
    def resolve_can_record(rig: Rig) -> bool:
        return rig.readiness.can_record

    @staticmethod
    def resolve_blockers(rig: Rig) -> list[dict[str, Any]]:
        return list(rig.readiness.as_dict()["blockers"])


class CommandIn(Body):
    """`id` makes a retry safe: the rig answers it like the first request."""

    id: UUID | None = None
    args: dict[Annotated[str, text(60)], Any] = Field(default_factory=dict, max_length=20)


class SessionSettings(Body):
    """What a session records, its times `*_s` in seconds, and how many kept episodes of the task are wanted."""

    dataset: Slug
    task: Task
    operator: Operator | None = None
    countdown_s: Seconds = 3.0
    episode_s: Seconds | None = None
    reset_s: Seconds | None = None
    target: Target | None = None


class RecordIn(SessionSettings):
    """Start a take in the running session, or in a new one."""

    take: UUID | None = None
    id: UUID | None = None


class ReplyOut(Schema):
    """The rig accepted the command with this `id`."""

    ok: bool
    id: str


class RecordOut(ReplyOut):
    """The rig accepted the command, and records into this session."""

    session: UUID


class TakeRemark(Body):
    """How a take went, and a note; change only the fields given."""

    outcome: Literal["success", "failure"] | None = None
    note: Annotated[str, text(10_000)] = ""


class RemarkKept(Schema):
    """Whether the remark is on the disk; else the rig keeps it until the take ends."""

    durable: bool


class SessionIn(SessionSettings):
    """Settings of a session; times `*_s` are in seconds. Without `operator`, the name of the account is used."""

    rig: RigName


class SessionPatch(Body):
    """How many kept episodes of the session's task are wanted; null: the dataset's goal."""

    target: Target | None


class SessionOut(Schema):
    """Consecutive takes on one rig into one dataset; times `*_s` are in seconds, `target` counts kept episodes."""

    id: UUID
    rig: str
    dataset: DatasetSlug
    operator: str
    task: str
    countdown_s: float
    episode_s: float | None
    reset_s: float | None
    target: int | None
    started_at: datetime
    ended_at: datetime | None

    @staticmethod
    def resolve_rig(session: Session) -> str:
        return session.rig.name


class SessionEnd(Body):
    """Whether a take that is being recorded is stopped and kept; else the session cannot end meanwhile."""

    stop: bool = False


class SessionEnded(Schema):
    """The ended session, and the id of the operation that the dataset's policy started, if any."""

    session: SessionOut
    operation: UUID | None  # started by the dataset's policy


# --- datasets ----------------------------------------------------------------------------------------
class EncodingIn(Body):
    """Fields not given keep their values; null lets the codec choose."""

    codec: Annotated[str, text(40, 1)] = "libsvtav1"
    crf: Annotated[float, Field(ge=0, le=63, allow_inf_nan=False)] | None = None
    g: Annotated[int, Field(ge=1, le=10_000)] | None = None
    preset: Annotated[str, text(20, 1)] | None = None
    pix_fmt: Annotated[str, text(20, 1)] = "yuv420p"


class DatasetSettings(Body):
    """Settings of a dataset: when takes are encoded, how many episodes per task are wanted, encoding, thresholds."""

    policy: Policy | None = None
    every: Annotated[int, Field(ge=1, le=1000)] | None = None
    encode_unreviewed: bool | None = None
    goal: Target | None = None
    encoding: EncodingIn | None = None
    thresholds: Annotated[dict[Annotated[str, text(40, 1)], float], Field(max_length=60)] | None = None


class DatasetIn(DatasetSettings):
    """The title and settings of a new dataset."""

    title: Annotated[str, text(200, 1)]

    @field_validator("title")
    @classmethod
    def require_visible_text(cls, title: str) -> str:
        if not title.strip():
            raise ValueError("a title needs at least one visible character")
        return title


class DatasetPatch(DatasetSettings):
    """Change only the fields given."""

    title: Annotated[str, text(200, 1)] | None = None


class DatasetOut(Schema):
    """A dataset; `to_review`, `keep`, `reject` and `committed` count episodes, `fps` is in frames per second.

    `recorded_action` says which of a tick's two actions its `action` is: `sent` by the robot, or `requested` by the
    teleoperator; empty until its first take.
    """

    slug: str
    title: str
    path: str
    fps: float | None
    robot_type: str
    features: dict[str, Any]
    recorded_action: str
    encoding: dict[str, Any]
    policy: Policy
    every: int
    encode_unreviewed: bool
    goal: int | None
    thresholds: dict[str, float]
    total_episodes: int
    total_frames: int
    revision: int
    problem: str
    to_review: int
    keep: int
    reject: int
    committed: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_path(dataset: Dataset) -> str:
        return str(dataset.path)


# --- episodes ----------------------------------------------------------------------------------------
class Links(Schema):
    """URL templates of an episode's frames and signals; fill in a camera key and a frame number."""

    frame: str
    strip: str
    signals: str
    video: str | None


class PlannedOut(Schema):
    """Pending changes of a committed episode; `trim` is [first, end) in frames."""

    delete: bool = False
    task: str | None = None
    trim: list[int] | None = None


class EpisodeOut(Schema):
    """A take or episode.

    `ticks` is its length in frames, `duration_s` its length after the trim in seconds, `trim` [first, end) in
    frames, `rate_hz` the measured rate, `marks` the flags.
    """

    id: UUID
    dataset: DatasetSlug
    number: int
    name: str
    session: UUID | None
    rig: str | None
    state: EpisodeState
    verdict: Verdict
    task: str
    operator: str
    fps: float
    ticks: int
    duration_s: float
    rate_hz: float | None
    counters: dict[str, Any]
    marks: list[Any]
    end_reason: str
    trim: list[int] | None
    labels: list[str]
    rating: int | None
    note: str
    reviewer: str
    reviewed_at: datetime | None
    episode_index: int | None
    committed_task: str
    planned: PlannedOut
    size_bytes: int
    error: str
    recorded_at: datetime
    purged_at: datetime | None
    version: str
    links: Links

    @staticmethod
    def resolve_session(episode: Episode) -> UUID | None:
        return episode.session_id

    @staticmethod
    def resolve_rig(episode: Episode) -> str | None:
        return episode.rig.name if episode.rig else None

    @staticmethod
    def resolve_version(episode: Episode) -> str:
        return episode.updated_at.isoformat()

    @staticmethod
    def resolve_links(episode: Episode) -> dict[str, str | None]:
        media = f"/media/{episode.pk}"
        return {
            "frame": media + "/frame/{camera}/{n}.jpg",
            "strip": media + "/strip/{camera}.jpg",
            "signals": f"{media}/signals.bin",
            "video": media + "/video/{camera}.mp4" if episode.is_committed else None,
        }


class OfVersion(Body):
    """A change of one episode. With `version`, it fails if the episode has changed since; with `own`, not by you."""

    version: Annotated[str, text(40)] | None = None
    own: bool = False


class EpisodePatch(OfVersion):
    """Change only the fields given. With `version`, the request fails if the episode has changed since.

    With `own`, your own changes since then do not count. `language`: `subtasks` and `remarks` of a take, as PUT
    `/episodes/{id}/language` takes them.
    """

    verdict: VerdictName | None = None
    task: Task | None = None
    labels: Annotated[list[Label], Field(max_length=100)] | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    note: Annotated[str, text(10_000)] | None = None
    trim: Annotated[list[Tick], Field(min_length=2, max_length=2)] | None = None
    language: dict[str, Any] | None = None

    @field_validator("trim")
    @classmethod
    def require_kept_frame(cls, trim: list[int] | None) -> list[int] | None:
        if trim is not None and trim[0] >= trim[1]:
            raise ValueError("trim is [first, end) and must keep at least one frame")
        return trim
