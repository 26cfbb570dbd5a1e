"""What features call their cameras and numbers, in all the forms that datasets use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "observation.images."


def camera_name(key: str) -> str:
    """`key` as people say it."""
    return key.removeprefix(PREFIX).removeprefix("observation.")


def camera_size(feature: Mapping[str, Any]) -> tuple[int, int]:
    """(width, height) of a camera's feature; (0, 0) where its shape says nothing. Channels may come first."""
    shape = [int(side) for side in feature.get("shape") or ()]
    if len(shape) != 3:
        return 0, 0
    names = feature.get("names")
    first = isinstance(names, list) and bool(names) and str(names[0]).startswith("channel")
    if first or (shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)):
        return shape[2], shape[1]
    return shape[1], shape[0]
