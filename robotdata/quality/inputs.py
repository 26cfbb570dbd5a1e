"""What is measured, as arrays: the same for a take, a committed episode and anything else that has ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.errors import BadInput
from robotdata.quality.pictures import PictureSeries

CAMERA_DTYPES = frozenset({"video", "image"})
GIVEN = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index"})


@dataclass(frozen=True)
class SignalInput:
    """One numeric feature: `values` (ticks, n), one name a column."""

    names: Sequence[str]
    values: NDArray[Any]


@dataclass(frozen=True)
class CameraInput:
    """One camera. What is not known is None, and is not judged.

    `frame` int64 (ticks,) which stored frame the loop had at each tick, -1 before the first;
    `captured_ns` int64 (ticks,) when that frame was captured; `seq` int64 the sequence numbers of the frames that
    were stored meanwhile, `frame_ns` int64 their capture times; `content` int64, by stored frame, equal for
    neighbours that are equal byte by byte. Times are monotonic nanoseconds, as the ticks' own. Of `depth` neither light
    nor colour nor sharpness is judged: a wall that fills the picture is no fault. `clipped` is the share of it that the
    scale cannot hold.
    """

    frame: NDArray[np.int64] | None = None
    captured_ns: NDArray[np.int64] | None = None
    seq: NDArray[np.int64] | None = None
    frame_ns: NDArray[np.int64] | None = None
    content: NDArray[np.int64] | None = None
    pictures: PictureSeries = field(default_factory=PictureSeries)
    problem: str = ""
    depth: bool = False
    clipped: float = 0.0


@dataclass(frozen=True)
class TakeInput:
    """A take: ticks at `fps`, their monotonic times (ns) where they are known, its signals and cameras.

    `first_tick` is the take's tick at which these arrays begin. Raises BadInput where lengths differ.
    """

    fps: float
    ticks: int
    signals: Mapping[str, SignalInput]
    cameras: Mapping[str, CameraInput] = field(default_factory=dict)
    time_ns: NDArray[np.int64] | None = None
    first_tick: int = 0
    id: str = ""
    task: str = ""
    recorded_at: str = ""

    def __post_init__(self) -> None:
        if not self.fps > 0:
            raise BadInput(f"take {self.id}: fps is {self.fps}, want more than 0")
        if self.time_ns is not None:
            self._check("the ticks' times", self.time_ns, 1)
        for name, signal in self.signals.items():
            self._check(name, signal.values, 2)
            if signal.values.shape[1] != len(signal.names):
                raise BadInput(
                    f"take {self.id}: {name} has {signal.values.shape[1]} columns, {len(signal.names)} names"
                )
        for key, camera in self.cameras.items():
            for array in (camera.frame, camera.captured_ns):
                if array is not None:
                    self._check(key, array, 1)

    def _check(self, what: str, array: NDArray[Any], dimensions: int) -> None:
        if array.ndim != dimensions or len(array) != self.ticks:
            raise BadInput(f"take {self.id}: {what} has shape {array.shape}, want {self.ticks} ticks")


def flat_names(feature: str, about: Mapping[str, Any], size: int) -> list[str]:
    """One name for each of `size` values; `names` may be a list, lists in lists, a dict of lists, or nothing."""
    names: Any = about.get("names")
    if isinstance(names, dict):
        names = [name for each in names.values() for name in (each if isinstance(each, list) else [each])]
    while isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
        names = names[0]
    if isinstance(names, list) and len(names) == size:
        return [str(name)[:120] for name in names]
    short = feature.rsplit(".", 1)[-1]
    return [short] if size == 1 else [f"{short}.{i}" for i in range(size)]


def is_numeric(feature: str, about: Mapping[str, Any]) -> bool:
    """Whether a LeRobot feature is a signal: neither pictures nor words nor the format's own columns."""
    return about.get("dtype") not in (*CAMERA_DTYPES, "string") and feature not in GIVEN


def is_motion(feature: str) -> bool:
    """Whether a feature says where the robot is, or is told to be."""
    return feature == "action" or feature.startswith(("action.", "observation.state"))
