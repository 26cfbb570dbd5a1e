"""Render a depth map as a colour image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robotdata.video.depth.quantize import DepthMap


def depth_picture(depth: DepthMap, near: float | None = None, far: float | None = None) -> NDArray[np.uint8]:
    """Render depth of any unit, (H, W), as uint8 (H, W, 3): near red, far blue, no measurement black.

    `near` and `far` default to the 2nd and 98th percentile of values above 0.
    """
    values = np.asarray(depth, np.float32)
    measured = np.isfinite(values) & (values > 0)
    if not measured.any():
        return np.zeros((*values.shape, 3), np.uint8)
    low, high = np.percentile(values[measured], [2, 98])
    near, far = (low if near is None else near), (high if far is None else far)
    position = np.clip((values - near) / max(float(far) - float(near), 1e-6), 0, 1)
    rgb = np.take(_palette(), np.nan_to_num(position * 255).astype(np.uint8), axis=0)
    rgb[~measured] = 0
    return rgb


def _palette() -> NDArray[np.uint8]:
    """Return 256 colours from red through yellow, green and cyan to blue, uint8 (256, 3)."""
    stops = np.linspace(0, 1, 5)
    colours = np.array([[255, 40, 40], [255, 220, 0], [40, 200, 80], [0, 190, 230], [50, 60, 230]], np.float32)
    position = np.linspace(0, 1, 256)
    return np.stack([np.interp(position, stops, colours[:, c]) for c in range(3)], axis=1).astype(np.uint8)
