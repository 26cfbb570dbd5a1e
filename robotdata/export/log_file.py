"""What a kind of log has to write: pictures, packets, depth, values and texts, each at its time."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from robotdata.distribution import extra_command
from robotdata.export.errors import ExportError


class MissingWriter(ExportError):
    """The package that writes a kind of log is not installed; the message has the command that installs it."""

    def __init__(self, package: str, kind: str, extra: str) -> None:
        super().__init__(f"Writing {kind} files needs the package {package}: install it with `{extra_command(extra)}`")


def load(module: str, kind: str, extra: str) -> Any:
    """Return the module. Raises MissingWriter if it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingWriter((error.name or module).split(".")[0], kind, extra) from error


class LogFile(Protocol):
    """A log that is being written. Times are in ns since 1970. Raises OSError if the disk is full."""

    def begin(self, times: NDArray[np.int64]) -> None:
        """Take note of the times (n,) of the rows, before the first message."""

    def image(self, topic: str, time_ns: int, data: bytes, kind: str) -> None:
        """Add an encoded picture as it is; `kind` is jpeg or png."""

    def video(self, topic: str, time_ns: int, data: bytes, kind: str) -> None:
        """Add the packet of one frame; `kind` is h264, h265, av1 or vp9."""

    def depth(self, topic: str, time_ns: int, depth: NDArray[np.uint16]) -> None:
        """Add a depth map in mm, uint16 (H, W)."""

    def values(self, topic: str, time_ns: int, names: Sequence[str], values: NDArray[Any]) -> None:
        """Add the values (n,) of one row with their names."""

    def text(self, topic: str, time_ns: int, text: str) -> None:
        """Add a text."""

    def finish(self, facts: Mapping[str, str]) -> None:
        """Write `facts` and what else ends the file. Call it after the last message."""


MakeLog = Callable[[BinaryIO], LogFile]
