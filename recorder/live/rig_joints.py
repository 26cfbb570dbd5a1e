"""The joints of a rig's robot, as the rig said them when it connected last."""

from __future__ import annotations

from typing import TypedDict

from recorder.models import Rig
from robotdata.capture.actions import ACTION, is_velocity
from robotdata.dataset.features import flat_names
from robotdata.dataset.scales import limits_of, units_of


class Joint(TypedDict):
    """A joint of an action: `limits` is (low, high) in its `unit`; the driver may say neither. A speed has no pose."""

    name: str
    unit: str
    limits: tuple[float, float] | None
    is_speed: bool


def joints_of(rig: Rig | None) -> list[Joint]:
    """Return the joints of the robot's action in their order; none of a rig that has not connected yet."""
    feature = rig.features.get(ACTION) if rig is not None else None
    names = (flat_names(feature) or []) if isinstance(feature, dict) else []
    units, limits = units_of(feature, len(names)), limits_of(feature, len(names))
    return [
        {"name": name, "unit": unit, "limits": limit, "is_speed": is_velocity(name)}
        for name, unit, limit in zip(names, units, limits, strict=True)
    ]
