"""What goes in and out of a dataset's revisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, Task


class PlannedCounts(Schema):
    """An episode may be in the last two."""

    delete: int
    relabel: int
    trim: int


class RevisionOut(Schema):
    """`what` is committed, edited or reverted, and empty where nobody noted it.

    `episodes` and `frames` are null where the state cannot be read; `notes` say what could not be carried over into it.
    """

    number: int
    present: bool
    at: datetime
    episodes: int | None
    frames: int | None
    what: str
    by: str
    counts: dict[str, int]
    reverted_to: int | None
    notes: list[str]


class GoBackIn(Body):
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)]


class RenameIn(Body):
    """From this text to that one."""

    task: Task
    to: Task
