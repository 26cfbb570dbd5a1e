"""Schemas of the replay of an episode on a rig's robot."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from recorder.api.schemas import Body, Tick
from robotdata.capture.playback import DEFAULT_FACTOR, LEAST_FACTOR, MOST_FACTOR


class ReplayIn(Body):
    """Play a take or an episode back to a robot; `speed` is a factor of the recorded one.

    `from` and `to` are its first and last row, inclusive, counted from 0; by default those that the trim keeps.
    The robot moves only while a record page shows it, and holds still once none does; `unwatched` is for a program
    whose people stand beside the robot's power switch.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    episode: UUID
    speed: Annotated[float, Field(ge=LEAST_FACTOR, le=MOST_FACTOR, allow_inf_nan=False)] = DEFAULT_FACTOR
    first: Annotated[Tick | None, Field(alias="from")] = None
    last: Annotated[Tick | None, Field(alias="to")] = None
    unwatched: bool = False
    id: UUID | None = None
