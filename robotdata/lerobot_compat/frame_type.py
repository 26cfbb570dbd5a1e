"""VideoFrame, the column type of a video frame: file and timestamp. No other file of this room uses Arrow."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import pyarrow as pa


@dataclass(eq=False)
class VideoFrame:
    """A video frame in a table: `path` (string) and `timestamp` (float32, seconds).

    If Hugging Face `datasets` is installed, the type is registered as a feature, so that `Features({"camera":
    VideoFrame()})` reads and writes such columns.
    """

    pa_type: ClassVar[Any] = pa.struct([("path", pa.string()), ("timestamp", pa.float32())])
    _type: str = field(default="VideoFrame", init=False, repr=False)

    def __call__(self) -> Any:
        return self.pa_type

    def __eq__(self, other: object) -> bool:
        """Return whether `other` is a VideoFrame of any package, so that tables of both can be concatenated."""
        return type(other).__name__ == "VideoFrame" and getattr(other, "pa_type", None) == self.pa_type

    def __hash__(self) -> int:
        return hash("VideoFrame")


def register() -> bool:
    """Register VideoFrame with `datasets` unless a VideoFrame is registered.

    Return False if the package is not installed.
    """
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
