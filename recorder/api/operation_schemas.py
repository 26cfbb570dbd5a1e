"""Schemas of operations: what to encode, and the progress of an operation and its jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, DatasetSlug
from recorder.jobs.operation_types import spec_of
from recorder.jobs.said import said_of
from recorder.models import Job, Operation
from recorder.models.states import JobState, OperationState, OperationType
from robotdata.dataset.exchange.progress import Pushed


class EncodeIn(Body):
    """The takes to encode; by default all kept ones, with `include_unreviewed` also those without a verdict."""

    episodes: Annotated[list[UUID], Field(min_length=1, max_length=5000)] | None = None
    include_unreviewed: bool = False


class JobOut(Schema):
    """The encoding of one camera of one episode; progress is in frames, `attempt` counts how often it was started."""

    episode: UUID
    camera: str
    state: JobState
    attempt: int
    frames_done: int
    frames_total: int
    error: str

    @staticmethod
    def resolve_episode(job: Job) -> UUID:
        return job.episode_id


class MadeOut(Schema):
    """A dataset that got episodes, and its revision then; `new` if the operation made it."""

    slug: str
    title: str
    new: bool
    revision: int


class SendingOut(Schema):
    """How far a push is: of what has to be sent."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int


class OperationOut(Schema):
    """A change of a dataset by a worker, with its progress in steps. `made`: the datasets that got its episodes.

    `said`: what came of an import or a batch, as sentences; empty before its end.
    """

    id: UUID
    dataset: DatasetSlug
    type: OperationType
    summary: str
    steps_done: int
    steps_total: int
    state: OperationState
    reason: str
    started_by: str
    error: str
    created_at: datetime
    finished_at: datetime | None

    made: list[MadeOut]
    sending: SendingOut | None
    pushed: Pushed | None
    said: str

    @staticmethod
    def resolve_said(operation: Operation) -> str:
        return said_of(operation)

    @staticmethod
    def resolve_made(operation: Operation) -> list[dict[str, Any]]:
        return list(operation.result.get("made", []))

    @staticmethod
    def resolve_sending(operation: Operation) -> dict[str, Any] | None:
        step: dict[str, Any] | None = operation.result.get("step")
        return step

    @staticmethod
    def resolve_pushed(operation: Operation) -> dict[str, Any] | None:
        pushed: dict[str, Any] | None = operation.result.get("push")
        return pushed

    @staticmethod
    def resolve_summary(operation: Operation) -> str:
        return spec_of(operation).summary(operation)


class OperationDetail(OperationOut):
    """An operation with its encoding jobs, and their progress in frames over all cameras."""

    frames_done: int
    frames_total: int
    frames_per_s: float | None
    seconds_left: float | None
    jobs: list[JobOut]
