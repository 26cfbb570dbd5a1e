"""Choose which of a take's two actions becomes the `action` of its episode."""

from __future__ import annotations

from robotdata.capture.actions import ACTION, ACTIONS, REQUESTED
from robotdata.export.errors import ExportRefused
from robotdata.spool import Take


def action_column(take: Take, recorded_action: str = "") -> str:
    """Return the column of the take that holds `recorded_action`, SENT or REQUESTED; by default the rig's choice.

    Raises ExportRefused if the take does not hold it, which is so for REQUESTED in takes that were recorded before
    both actions were stored.
    """
    recorded_action = recorded_action or take.recorded_action
    if recorded_action not in ACTIONS:
        raise ExportRefused(
            "recorded_action",
            f"take {take.id}: the dataset says that its action is {recorded_action!r:.60}, which this version of "
            "robotdata does not know: use the one that wrote the dataset",
        )
    column = take.action_column(recorded_action)
    if column is None and recorded_action == REQUESTED:
        raise ExportRefused(
            "recorded_action",
            f"take {take.id} holds only the action that the robot sent, and the dataset's action is the one that the "
            "teleoperator requested: it was recorded before both were stored. Record into another dataset, or reject "
            "the take",
        )
    return column or ACTION
