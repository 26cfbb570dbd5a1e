"""VideoFrame as a column type: which file, and when in it. The only file of this room that knows Arrow."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import pyarrow as pa


@dataclass(eq=False)
class VideoFrame:
    """A frame of a video in a table: `path` (string) and `timestamp` (float32, seconds).

    Registered as a feature of Hugging Face's `datasets` where that package is installed, so that a
    `Features({"camera": VideoFrame()})` reads and writes such columns.
    """

    pa_type: ClassVar[Any] = pa.struct([("path", pa.string()), ("timestamp", pa.float32())])
    _type: str = field(default="VideoFrame", init=False, repr=False)

    def __call__(self) -> Any:
        return self.pa_type

    def __eq__(self, other: object) -> bool:
        """LeRobot's is the same type: tables with the one and with the other can be put together."""
        return type(other).__name__ == "VideoFrame" and getattr(other, "pa_type", None) == self.pa_type

    def __hash__(self) -> int:
        return hash("VideoFrame")


def register() -> bool:
    """Tell `datasets` about VideoFrame, unless it knows one; False where that package is not installed."""
    if find_spec("datasets") is None:
        return False
    features = import_module("datasets.features.features")
    if "VideoFrame" in getattr(features, "_FEATURE_TYPES", {}):
        return True
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'register_feature' is experimental", UserWarning)
        features.register_feature(VideoFrame, "VideoFrame")
    return True


register()
