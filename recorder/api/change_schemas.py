"""What goes in and out of acts: on many episodes at once, taken back, and the history that they leave."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, Label, Task, VerdictName, text

Versions = Annotated[dict[UUID, Annotated[str, text(40)]], Field(max_length=5000)]
"""What was read of each, as GET gave it."""


class ChangeOut(Schema):
    """One line of an episode's history; `undone_at` where it was taken back."""

    id: int
    who: str
    at: datetime
    before: dict[str, Any]
    after: dict[str, Any]
    undone_at: datetime | None


class RevertIn(Body):
    """Back to how it was after this change; null: as it was recorded. `version` and `own` as in PATCH."""

    change: Annotated[int, Field(ge=1, le=2**63 - 1)] | None
    version: Annotated[str, text(40)] | None = None
    own: bool = False


class VerdictIn(Body):
    """`group`: this goes on with the act that an earlier answer named; undone as one.

    `versions`, by episode: where another person has changed one of these since, nothing is done.
    """

    episodes: Annotated[list[UUID], Field(min_length=1, max_length=5000)]
    verdict: VerdictName
    versions: Versions = Field(default_factory=dict)
    group: UUID | None = None


class EditIn(Body):
    """Only what is given changes: a task or a rating for all of them (null takes the rating back), labels that each
    gains and loses, a note that stands below what each says already.
    """

    episodes: Annotated[list[UUID], Field(min_length=1, max_length=5000)]
    task: Task | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    add_labels: Annotated[list[Label], Field(max_length=100)] = Field(default_factory=list)
    remove_labels: Annotated[list[Label], Field(max_length=100)] = Field(default_factory=list)
    add_note: Annotated[str, text(10_000)] = ""
    versions: Versions = Field(default_factory=dict)
    group: UUID | None = None


class VerdictOut(Schema):
    """`group` names the act; undo takes it back as one."""

    group: UUID
    episodes: int


class UndoIn(Body):
    """`group`: this act instead of the newest; `most`: at most so many of its episodes now."""

    group: UUID | None = None
    most: Annotated[int, Field(ge=1, le=5000)] | None = None


class ChangedEpisodes(Schema):
    """`version` is the newest of them; `left` counts the episodes of the act that are not yet as they were."""

    episodes: list[UUID]
    version: str
    group: UUID
    left: int
