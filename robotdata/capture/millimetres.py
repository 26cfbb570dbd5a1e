"""Depth in a camera's own unit, as whole millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MM = 1e-3
_LARGEST = np.iinfo(np.uint16).max


def unit_in_mm(metres: float) -> float:
    """Return how many millimetres a unit of so many metres has; exactly 1.0 for a float32 of 0.001."""
    unit = float(metres) / _MM
    return 1.0 if abs(unit - 1) < 1e-4 else unit


def in_millimetres(depth: NDArray[Any], unit_mm: float) -> NDArray[np.uint16]:
    """Return depth (H, W) or (H, W, 1) of a camera's own unit in whole millimetres, uint16.

    Beyond 65,535 mm it is 0, not measured.
    """
    if unit_mm == 1.0:
        return np.ascontiguousarray(depth)
    scaled = np.rint(depth * unit_mm)
    return np.where(scaled > _LARGEST, 0, scaled).astype(np.uint16)
