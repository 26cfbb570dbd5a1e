"""What capture hands on: one camera frame, one row of the control loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One frame of one camera, with its place in the camera's count and its time (monotonic nanoseconds).

    `packet` is the frame as it is stored, a JPEG, or of depth a 16-bit PNG; `wall_ns` is unix time in nanoseconds, for
    people.
    """

    seq: int
    captured_ns: int
    packet: bytes
    wall_ns: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One tick of the control loop.

    `values` holds each feature of the robot: numbers of shape (n,) or a scalar, or a str; `frames` for each
    camera the sequence number and capture time (monotonic ns) of the newest frame that the loop had, (-1, 0) before
    the first.
    """

    tick: int
    monotonic_ns: int
    wall_ns: int
    values: Mapping[str, NDArray[np.generic] | float | str]
    frames: Mapping[str, tuple[int, int]] = field(default_factory=dict)
