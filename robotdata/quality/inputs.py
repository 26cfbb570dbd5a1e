"""The arrays that are measured. They describe a take, a committed episode or any other series of ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.numbers import count
from robotdata.quality.errors import BadInput
from robotdata.quality.pictures import PictureSeries

CAMERA_DTYPES = frozenset({"video", "image"})
FORMAT_COLUMNS = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index"})
"""Columns that the LeRobot format adds to every dataset; they hold no signal."""


@dataclass(frozen=True)
class SignalInput:
    """One numeric feature: `values` (ticks, n) of any numeric dtype, and one name per column."""

    names: Sequence[str]
    values: NDArray[Any]


@dataclass(frozen=True)
class CameraInput:
    """One camera. A field that is not known is None, and no rule judges it.

    `frame` int64 (ticks,): the stored frame that the loop used at each tick, -1 before the first. `captured_ns` int64
    (ticks,): when that frame was captured. `seq` int64 (frames,): sequence numbers of the stored frames. `frame_ns`
    int64 (frames,): their capture times. `content` int64, indexed by stored frame: equal for neighbours whose bytes are
    equal. `pictures`: samples of the decoded frames. `problem`: why the camera's files cannot be read, or empty. Times
    are monotonic nanoseconds of the clock that stamps the ticks.

    Brightness, colour and sharpness of a `depth` camera are not judged, because a wall that fills the image is not a
    fault. `clipped` is the share of its values outside its depth scale.
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
    """A take: `ticks` rows at `fps` Hz, with its signals and cameras by feature key.

    `time_ns` int64 (ticks,): monotonic nanoseconds of each tick, or None. `first_tick` is the tick of the recorded take
    at which the arrays begin. `id`, `task` and `recorded_at` (ISO 8601) identify the take among its peers. Raises
    BadInput if `fps` is not above 0 or if lengths differ.
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
            raise BadInput(f"take {self.id}: fps is {self.fps}; it must be above 0")
        if self.time_ns is not None:
            self._check("time_ns", self.time_ns, 1)
        for name, signal in self.signals.items():
            self._check(name, signal.values, 2)
            if signal.values.shape[1] != len(signal.names):
                columns = count(signal.values.shape[1], "column")
                raise BadInput(f"take {self.id}: {name} has {columns}, {count(len(signal.names), 'name')}")
        for key, camera in self.cameras.items():
            for array in (camera.frame, camera.captured_ns):
                if array is not None:
                    self._check(key, array, 1)

    def _check(self, name: str, array: NDArray[Any], dimensions: int) -> None:
        if array.ndim != dimensions or len(array) != self.ticks:
            raise BadInput(f"take {self.id}: {name} has shape {array.shape}, expected {self.ticks} ticks")


def flat_names(feature: str, description: Mapping[str, Any], size: int) -> list[str]:
    """Return one name per value of a feature, `size` in all.

    LeRobot's `names` may be a list, nested lists, a dict of lists, or missing. If it does not give `size` names, the
    last part of the feature's key and an index are used: `state.0`.
    """
    names: Any = description.get("names")
    if isinstance(names, dict):
        names = [name for each in names.values() for name in (each if isinstance(each, list) else [each])]
    while isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
        names = names[0]
    if isinstance(names, list) and len(names) == size:
        return [str(name)[:120] for name in names]
    short = feature.rsplit(".", 1)[-1]
    return [short] if size == 1 else [f"{short}.{i}" for i in range(size)]


def is_numeric(feature: str, description: Mapping[str, Any]) -> bool:
    """Return whether a LeRobot feature is a signal: not images, not text, not one of the format's own columns."""
    return description.get("dtype") not in (*CAMERA_DTYPES, "string") and feature not in FORMAT_COLUMNS


def is_motion(feature: str) -> bool:
    """Return whether a feature holds the robot's position (`observation.state*`) or its command (`action*`)."""
    return feature == "action" or feature.startswith(("action.", "observation.state"))
