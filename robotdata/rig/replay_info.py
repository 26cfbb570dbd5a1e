"""What a rig's status says of the replay that it plays, or that it has played last."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from robotdata.rig.shapes import Limit


class ReplayInfo(TypedDict):
    """A replay: `phase` is `waiting`, `approach`, `playing`, `rest` or `done`; `row` of `rows` was played last, from 0.

    `speed` is a factor of the recorded one. `unwatched` says that it needs no page that shows it. `away` is by
    how much the teleoperator differs from the robot in the joint `away_joint`, in its unit; None while it is not known.
    """

    phase: Annotated[str, Limit(20)]
    speed: float
    unwatched: NotRequired[bool]
    row: Annotated[float, Limit(1e9, least=0)]
    rows: Annotated[float, Limit(1e9, least=0)]
    left_s: Annotated[float, Limit(1e9, least=0)]
    episode: Annotated[str, Limit(36)]
    task: Annotated[str, Limit(1000)]
    away_joint: Annotated[str | None, Limit(200)]
    away: float | None
