"""Schemas of changes: to several episodes at once, undo, revert and history."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, Label, OfVersion, Task, VerdictName, text

Versions = Annotated[dict[UUID, Annotated[str, text(40)]], Field(max_length=5000)]
"""By episode, the `version` that GET returned."""


class ChangeOut(Schema):
    """One entry of an episode's history; `undone_at` is set if it was undone."""

    id: int
    who: str
    at: datetime
    before: dict[str, Any]
    after: dict[str, Any]
    undone_at: datetime | None


class RevertIn(OfVersion):
    """Restore the state after this change, or with null the original recording. `version` and `own` as in PATCH."""

    change: Annotated[int, Field(ge=1, le=2**63 - 1)] | None


class CutTakeIn(OfVersion):
    """Cut frames `first` up to, and not including, `end` out of a take. `version` and `own` as in PATCH."""

    first: Annotated[int, Field(ge=1, le=2**31 - 1)]
    end: Annotated[int, Field(ge=2, le=2**31 - 1)]


class CutTakeOut(Schema):
    """The take that has the frames after the cut, with its number; `group` undoes the cut."""

    id: UUID
    number: int
    group: UUID


class VerdictIn(Body):
    """Pass the `group` of an earlier response to continue that change; undo reverts the group in one step.

    With `versions` (by episode), nothing is changed if somebody else has changed one of them since.
    """

    episodes: Annotated[list[UUID], Field(min_length=1, max_length=5000)]
    verdict: VerdictName
    versions: Versions = Field(default_factory=dict)
    group: UUID | None = None


class EditIn(Body):
    """Change only the fields given: a task or rating for all (null clears the rating), labels to add and to remove,
    and a note to append to each episode's note.
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
    """`group` identifies the change; undo reverts it in one step."""

    group: UUID
    episodes: int


class UndoIn(Body):
    """Undo the change `group` instead of the newest; at most `most` of its episodes in this call."""

    group: UUID | None = None
    most: Annotated[int, Field(ge=1, le=5000)] | None = None


class ChangedEpisodes(Schema):
    """`version` is the newest of the episodes; `left` counts those of the change still to be undone."""

    episodes: list[UUID]
    version: str
    group: UUID
    left: int
