"""Convert depth maps to 12-bit codes and back, with LeRobot's quantization.

Depth is in metres (floating point) or millimetres (integers).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.video.depth.scale import DepthScale, Unit
from robotdata.video.errors import EncodeError

CODE_MAX = 4095
MM_PER_M = 1000.0
DepthMap = NDArray[Any]


def depth_unit(dtype: np.dtype[Any]) -> Unit:
    """Return `m` for floating point and `mm` for integers, as LeRobot does."""
    return "m" if np.issubdtype(dtype, np.floating) else "mm"


def quantize_depth(depth: DepthMap, scale: DepthScale | None = None, *, unit: Unit | None = None) -> NDArray[np.uint16]:
    """Return `depth`, (H, W) or (H, W, 1), as codes 0 to 4095, uint16 (H, W). Values outside the scale are clipped.

    The computation uses single precision in the unit of `depth`, as LeRobot's does, so that the codes are equal. Raises
    EncodeError if `depth` is not a depth map.
    """
    scale = scale or DepthScale()
    depth = np.asarray(depth)
    flat = depth[..., 0] if depth.ndim == 3 and depth.shape[2] == 1 else depth
    if flat.ndim != 2:
        raise EncodeError(f"want depth of shape (H, W) or (H, W, 1), got {depth.shape}")
    unit = _known_unit(unit or depth_unit(depth.dtype))
    if flat.dtype == np.uint16:
        return _code_table(scale, unit)[flat]
    return _codes(flat.astype(np.float32), scale, unit)


def dequantize_depth(codes: NDArray[np.uint16], scale: DepthScale | None = None, *, unit: Unit = "mm") -> DepthMap:
    """Return the depth of codes in the same shape: uint16 in mm, or float32 in m. Codes are clipped to 0 to 4095.

    Raises EncodeError for another unit, or codes that are not integers.
    """
    scale = scale or DepthScale()
    codes = np.asarray(codes)
    if codes.dtype.kind not in "ui":
        raise EncodeError(f"want codes, whole numbers from 0 to {CODE_MAX}, got {codes.dtype}")
    _known_unit(unit)
    table: DepthMap = _depths(scale)
    if unit == "mm":
        table = np.clip(np.rint(table * np.float32(MM_PER_M)), 0, 65535).astype(np.uint16)
    depth: DepthMap = table[np.minimum(codes, CODE_MAX) if codes.dtype.kind == "u" else np.clip(codes, 0, CODE_MAX)]
    return depth


@lru_cache(maxsize=8)
def _code_table(scale: DepthScale, unit: Unit) -> NDArray[np.uint16]:
    """Return the code of each 16-bit depth, uint16 (65536,): looking it up is faster than computing it per pixel."""
    return _codes(np.arange(2**16, dtype=np.float32), scale, unit)


def _codes(depth: NDArray[np.float32], scale: DepthScale, unit: Unit) -> NDArray[np.uint16]:
    """Return the codes of `depth`, float32 of any shape, by LeRobot's formula."""
    factor = 1.0 if unit == "m" else MM_PER_M
    low, high = np.float32(scale.depth_min * factor), np.float32(scale.depth_max * factor)
    if scale.use_log:
        shift = np.float32(scale.shift * factor)
        start, end = math.log(float(low + shift)), math.log(float(high + shift))
        with np.errstate(invalid="ignore", divide="ignore"):
            part = (np.log(depth + shift) - start) / (end - start)
    else:
        part = (depth - low) / (high - low)
    # A pixel without a measurement (NaN) gets code 0, as depth 0 does.
    codes: NDArray[np.float32] = np.rint(np.nan_to_num(part.clip(0, 1), nan=0.0) * CODE_MAX)
    return codes.astype(np.uint16)


@lru_cache(maxsize=8)
def _depths(scale: DepthScale) -> NDArray[np.float32]:
    """Return the depth of every code in metres, float32 (4096,)."""
    codes = np.arange(CODE_MAX + 1, dtype=np.float64)
    if scale.use_log:
        start, end = math.log(scale.depth_min + scale.shift), math.log(scale.depth_max + scale.shift)
        steps = (codes * ((end - start) / CODE_MAX)).astype(np.float32)
        depth = np.exp(steps + np.float32(start)) - np.float32(scale.shift)
    else:
        steps = (codes * ((scale.depth_max - scale.depth_min) / CODE_MAX)).astype(np.float32)
        depth = steps + np.float32(scale.depth_min)
    clipped: NDArray[np.float32] = depth.clip(np.float32(scale.depth_min), np.float32(scale.depth_max))
    return clipped


def _known_unit(unit: Unit) -> Unit:
    """Return `unit`. Raises EncodeError if it is not m or mm."""
    if unit not in ("m", "mm"):
        raise EncodeError(f"depth unit {unit!r}: want m or mm")
    return unit
