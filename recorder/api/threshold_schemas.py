"""What goes in and out where thresholds of quality marks are tried."""

from __future__ import annotations

from typing import Annotated

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, text


class ThresholdsIn(Body):
    """By name (docs/quality.md); what is not named is the product's own."""

    thresholds: Annotated[dict[Annotated[str, text(40, 1)], float], Field(max_length=60)]


class NowThen(Schema):
    now: int
    then: int


class MarkLine(NowThen):
    code: str


class MarksPreview(Schema):
    """Of so many measured `takes`, the newest `of` all: how many are `marked`, and by what."""

    takes: int
    of: int
    marked: NowThen
    marks: list[MarkLine]
