"""Schemas of a dataset's revisions."""

from __future__ import annotations

from typing import Annotated

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, Task


class PlannedCounts(Schema):
    """Counts of episodes with pending changes; one episode may be in both `relabel` and `trim`."""

    delete: int
    relabel: int
    trim: int


class GoBackIn(Body):
    """The number of the revision to revert to."""

    revision: Annotated[int, Field(ge=0, le=2**31 - 1)]


class RenameIn(Body):
    """Rename `task` to `to`."""

    task: Task
    to: Task
