"""The facts of a take that are known when it begins; they are in its `take.json`."""

from __future__ import annotations

from typing import Any

from robotdata.capture import clock
from robotdata.rig.protocol import RecordArgs
from robotdata.rig.rig import Rig


def facts_of(rig: Rig, args: RecordArgs) -> dict[str, Any]:
    """Return the facts of a take that begins now on `rig`."""
    return {
        "rig": rig.config.name,
        "robot_type": rig.robot_type,
        "recorded_action": rig.recorded_action,
        "fps": rig.config.fps,
        "dataset": args.dataset,
        "session": args.session,
        "task": args.task,
        "operator": args.operator,
        "started_at": clock.iso_now(),
    }
