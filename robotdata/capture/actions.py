"""The two actions of a tick: what the teleoperator requested, and what the robot sent after its limits.

A take stores both. The `action` of a dataset is one of the two, the same one in all its episodes.
"""

from __future__ import annotations

SENT, REQUESTED = "sent", "requested"
ACTIONS = (SENT, REQUESTED)
ACTION = "action"
"""The feature of a robot and of a dataset; the column of a take's rows that holds the action SENT."""

REQUESTED_COLUMN = "action/requested"
"""The column of a take's rows that holds the action REQUESTED. No feature has this name: LeRobot allows no slash."""


def is_velocity(joint: str) -> bool:
    """Return whether the values of a joint are speeds, as those of LeKiwi's `x.vel` are: it stands still at 0."""
    return joint.endswith(".vel")
