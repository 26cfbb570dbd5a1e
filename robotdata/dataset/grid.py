"""Check whether the timestamps of rows are n / fps, as exactly as their dtype can represent it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE_S = 1e-4
"""LeRobot's `tolerance_s`."""


def off_grid(stamps: Any, exact: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of `stamps`, (n,) of any number type, in seconds, differ from the times `exact`, (n,).

    The tolerance is LeRobot's, and never less than one step of the column's own type: neighbouring float32 numbers
    are 2.4e-4 apart from 2048 s on, so that even a correctly rounded time is further off than 1e-4. NaN is off.
    """
    actual = np.asarray(stamps)
    tolerance: Any = TOLERANCE_S
    if actual.dtype.kind == "f":
        tolerance = np.maximum(TOLERANCE_S, np.spacing(exact.astype(actual.dtype)).astype(np.float64))
    return np.asarray(~(np.abs(actual.astype(np.float64) - exact) <= tolerance), np.bool_)
