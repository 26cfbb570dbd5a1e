"""What a change of features does, in the few words of an operation's line."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.models import Operation

CHANGE_COUNTS = ("removed", "renamed", "added", "reworded")
"""The counts of a change of features, in the dataset's sidecar."""
_LISTED = 2


def change_summary(operation: Operation) -> str:
    """Return `remove observation.images.top, add next.success`; empty if the operation says nothing of it."""
    change = operation.arguments.get("change") or {}
    parts = []
    if removed := change.get("remove"):
        parts.append(f"remove {_listed(list(removed))}")
    if renamed := change.get("rename"):
        parts.append(f"rename {_listed([f'{old} to {new}' for old, new in renamed.items()])}")
    if added := change.get("add"):
        parts.append(f"add {_listed([str(each.get('name')) for each in added])}")
    if change.get("robot_type") is not None:
        parts.append(f"call the robot {change['robot_type'] or 'nothing'}")
    if named := change.get("names"):
        parts.append(f"name the values of {_listed(list(named))}")
    if counted := change.get("statistics"):
        parts.append(f"compute statistics again{', also of cameras' if counted == 'all' else ''}")
    if (language := change.get("language")) is not None:
        parts.append("set subtasks" if language else "add columns for subtasks")
    return ", ".join(parts)


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return ", ".join(words[:_LISTED]) + more
