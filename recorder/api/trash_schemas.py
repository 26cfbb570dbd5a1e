"""Shapes of the trash's endpoints."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body


class TrashOut(Schema):
    """The number of takes in the trash, and the bytes that emptying it frees."""

    episodes: int
    bytes: int


class TrashEmptyIn(Body):
    """Without fields, everything in the trash; with `most`, nothing is deleted if the trash holds more takes."""

    episodes: Annotated[list[UUID], Field(max_length=5000)] | None = None
    older_than_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    most: Annotated[int, Field(ge=0)] | None = None


class FreedOut(Schema):
    """The number of bytes that were freed."""

    freed_bytes: int
