"""Units and limits of an arm's joints, as LeRobot's motors and their calibration say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robotdata.devices.lerobot.driver import buses_in, sided_arms_of

Scale = Mapping[str, tuple[str, list[float] | None]]
_PERCENT = {"range_m100_100": [-100.0, 100.0], "range_0_100": [0.0, 100.0]}


def scale_of(device: Any) -> dict[str, tuple[str, list[float] | None]]:
    """Return unit and `[low, high]` of each joint by its name (`gripper.pos`), where LeRobot knows them.

    Motors are in degrees or in per cent of their calibrated range (`use_degrees`, and the gripper). In degrees the
    limits are those of the calibration. The joints of a robot's two arms begin with `left_` and `right_`, as LeRobot
    names them. Other motors of one name on two buses are left out.
    """
    found: dict[str, tuple[str, list[float] | None]] = {}
    known: set[str] = set()
    twice: set[str] = set()
    for side, arm in sided_arms_of(device):
        for bus, (name, motor) in ((each, pair) for each in buses_in(arm) for pair in each.motors.items()):
            joint = f"{name}.pos" if name.startswith(side) else f"{side}{name}.pos"
            if joint in known:
                twice.add(joint)
            known.add(joint)
            mode = getattr(getattr(motor, "norm_mode", None), "value", "")
            if mode in _PERCENT:
                found[joint] = ("%", _PERCENT[mode])
            elif mode == "degrees":
                found[joint] = ("°", _degrees(bus, name, motor))
    return {joint: scale for joint, scale in found.items() if joint not in twice}


def scaled(names: Sequence[str], scale: Scale) -> dict[str, Any]:
    """Return the feature of one number for each name, with the units and limits that are known."""
    feature: dict[str, Any] = {"dtype": "float32", "shape": [len(names)], "names": list(names)}
    if any(name in scale for name in names):
        known = [scale.get(name, ("", None)) for name in names]
        feature |= {"units": [unit for unit, _ in known], "limits": [limits for _, limits in known]}
    return feature


def _degrees(bus: Any, name: str, motor: Any) -> list[float] | None:
    """Return the calibrated range of a motor in LeRobot's degrees, which are 0 in its middle; None without one."""
    calibration = (getattr(bus, "calibration", None) or {}).get(name)
    steps = getattr(bus, "model_resolution_table", {}).get(getattr(motor, "model", ""), 0) - 1
    if calibration is None or steps <= 0 or not calibration.range_max > calibration.range_min:
        return None
    half = (calibration.range_max - calibration.range_min) * 180 / steps
    return [-half, half]
