"""Schemas of the issue threshold preview."""

from __future__ import annotations

from typing import Annotated

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, text


class ThresholdsIn(Body):
    """Thresholds by name (docs/quality.md); those not given keep their defaults."""

    thresholds: Annotated[dict[Annotated[str, text(40, 1)], float], Field(max_length=60)]


class NowThen(Schema):
    """Numbers of takes: `now`, and `then`, with the thresholds in the request."""

    now: int
    then: int


class MarkLine(NowThen):
    """The numbers of takes with one kind of issue, given by its `code`."""

    code: str


class MarksPreview(Schema):
    """How many of the `takes` newest measured takes (out of `of`) have an issue, now and with these thresholds."""

    takes: int
    of: int
    marked: NowThen
    marks: list[MarkLine]
