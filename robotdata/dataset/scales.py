"""Units and limits of the values of a feature, which a driver says and LeRobot's format does not store.

In a rig's features they stand beside `names`: `units` has one text for each value, `limits` one `[low, high]` or None.
LeRobot compares features to the letter before it resumes or merges a dataset, so `info.json` does not have them: the
sidecar has, by feature.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from robotdata.dataset.features import Features, is_camera, size_of

UNITS, LIMITS = "units", "limits"
SCALES = "scales"
"""The field of the sidecar: by feature its `units` and `limits`."""
MOST_UNIT = 20
Scales = dict[str, dict[str, list[Any]]]


def scales_of(features: Mapping[str, Mapping[str, Any]]) -> Scales:
    """Return the units and limits that these features have, without invalid ones."""
    return {key: scale for key, feature in features.items() if (scale := _scale_of(feature))}


def without_scales(features: Mapping[str, Mapping[str, Any]]) -> Features:
    """Return the features as `info.json` has them."""
    return {key: {k: v for k, v in feature.items() if k not in (UNITS, LIMITS)} for key, feature in features.items()}


def with_scales(features: Mapping[str, Mapping[str, Any]], scales: Any) -> Features:
    """Return the features with the units and limits in the sidecar's field; what does not fit them is left out."""
    known = scales if isinstance(scales, Mapping) else {}
    result = {}
    for key, feature in features.items():
        scale = known.get(key)
        result[key] = {**feature, **(_scale_of({**feature, **scale}) if isinstance(scale, Mapping) else {})}
    return result


def units_of(feature: Any, size: int) -> list[str]:
    """Return the unit of each of a feature's `size` values: its `unit`, or its `units` if there is one for each."""
    units = feature.get(UNITS, feature.get("unit")) if isinstance(feature, Mapping) else None
    each = [units] * size if isinstance(units, str) else units
    if not isinstance(each, list) or len(each) != size:
        return [""] * size
    return [unit[:MOST_UNIT] if isinstance(unit, str) else "" for unit in each]


def limits_of(feature: Any, size: int) -> list[tuple[float, float] | None]:
    """Return (low, high) of each of a feature's `size` values; None where it is unknown."""
    limits = feature.get(LIMITS) if isinstance(feature, Mapping) else None
    if not isinstance(limits, list) or len(limits) != size:
        return [None] * size
    return [_range(pair) for pair in limits]


def _scale_of(feature: Mapping[str, Any]) -> dict[str, list[Any]]:
    if (UNITS not in feature and LIMITS not in feature) or is_camera(feature):
        return {}
    try:
        size = size_of(feature)
    except (KeyError, TypeError, ValueError):
        return {}
    scale: dict[str, list[Any]] = {}
    if _fits(feature.get(UNITS), size) and any(units := units_of(feature, size)):
        scale[UNITS] = units
    if _fits(feature.get(LIMITS), size) and any(limits := limits_of(feature, size)):
        scale[LIMITS] = [None if pair is None else list(pair) for pair in limits]
    return scale


def _fits(value: Any, size: int) -> bool:
    return isinstance(value, list) and len(value) == size


def _range(pair: Any) -> tuple[float, float] | None:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return None
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e12 for n in pair):
        return None
    low, high = float(pair[0]), float(pair[1])
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None
