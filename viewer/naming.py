"""Read camera names and sizes from LeRobot features, in all forms that datasets use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "observation.images."


def camera_name(key: str) -> str:
    """Return `front` for the feature key `observation.images.front`."""
    return key.removeprefix(PREFIX).removeprefix("observation.")


def camera_size(feature: Mapping[str, Any]) -> tuple[int, int]:
    """Return (width, height) in pixels of a camera's feature; (0, 0) if its shape is not three numbers.

    The shape may be (height, width, channels) or (channels, height, width).
    """
    shape = [int(side) for side in feature.get("shape") or ()]
    if len(shape) != 3:
        return 0, 0
    names = feature.get("names")
    channels_first = isinstance(names, list) and bool(names) and str(names[0]).startswith("channel")
    if channels_first or (shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)):
        return shape[2], shape[1]
    return shape[1], shape[0]
