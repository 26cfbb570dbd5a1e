"""The data that capture hands to a take: camera frames, and rows of the control loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One frame of one camera.

    `seq` counts the camera's frames from 0. `captured_ns` is monotonic, `wall_ns` unix time; both in nanoseconds.
    `packet` is the stored image: a JPEG, or a 16-bit PNG of depth.
    """

    seq: int
    captured_ns: int
    packet: bytes
    wall_ns: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One tick of the control loop.

    `values` holds each feature of the robot by name: numbers of shape (n,), a scalar, or a str; `action` is the action
    that was sent, `action/requested` what the teleoperator requested. `frames` holds, for each camera, the sequence
    number and capture time (monotonic ns) of its newest frame at that tick; (-1, 0) before the first.
    """

    tick: int
    monotonic_ns: int
    wall_ns: int
    values: Mapping[str, NDArray[np.generic] | float | str]
    frames: Mapping[str, tuple[int, int]] = field(default_factory=dict)
