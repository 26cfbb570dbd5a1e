"""Write .rrd files that Rerun opens: pictures and packets as they are, one series for each value by its name.

Every message has three times: `frame` (the row), `seconds` from the first row, and `time` (UTC). Memory is bounded by a
few MiB and by a block of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from robotdata.export.log_file import load

FRAME, SECONDS, TIME = "frame", "seconds", "time"
_APPLICATION = "robotdata"
_CODECS = {"h264": "H264", "h265": "H265", "av1": "AV1", "vp9": "VP9"}
_MILLIMETRES = 1000.0
_FLUSH_BYTES, _FLUSH_ROWS = 4 << 20, 1000
_SECOND = 1_000_000_000


class RrdFile:
    """A file for Rerun that is being written; see LogFile. Raises MissingWriter, and OSError if the disk is full."""

    def __init__(self, file: BinaryIO) -> None:
        self._rerun = load("rerun", "Rerun's", "rerun")
        self._file = file
        self._recording = self._rerun.RecordingStream(_APPLICATION)
        self._recording.set_log_time_enabled(False)
        self._recording.set_log_tick_enabled(False)
        self._stream = self._recording.binary_stream()
        self._times: NDArray[np.int64] = np.zeros(1, np.int64)
        self._waiting = 0
        self._rows: dict[str, _Block] = {}
        self._videos: set[str] = set()

    def begin(self, times: NDArray[np.int64]) -> None:
        """Take note of the times (n,) of the rows, before the first message."""
        self._times = times

    def image(self, topic: str, time_ns: int, data: bytes, kind: str) -> None:
        """Add an encoded picture as it is; `kind` is jpeg or png."""
        self._log(topic, time_ns, self._rerun.EncodedImage(contents=data, media_type=f"image/{kind}"), len(data))

    def video(self, topic: str, time_ns: int, data: bytes, kind: str) -> None:
        """Add the packet of one frame; `kind` is h264, h265, av1 or vp9."""
        codec = getattr(self._rerun.VideoCodec, _CODECS[kind])
        if topic not in self._videos:
            self._videos.add(topic)
            self._recording.log(self._path(topic), self._rerun.VideoStream(codec=codec), static=True)
        self._log(topic, time_ns, self._rerun.VideoStream.from_fields(sample=data), len(data))

    def depth(self, topic: str, time_ns: int, depth: NDArray[np.uint16]) -> None:
        """Add a depth map in mm, uint16 (H, W)."""
        self._log(topic, time_ns, self._rerun.DepthImage(depth, meter=_MILLIMETRES), depth.nbytes)

    def values(self, topic: str, time_ns: int, names: Sequence[str], values: NDArray[Any]) -> None:
        """Add the values (n,) of one row, each to the series of its name."""
        block = self._rows.get(topic)
        if block is None or block.names != list(names):
            self._send(topic)
            block = self._rows[topic] = _Block(list(names))
        block.times.append(time_ns)
        block.values.append(np.atleast_1d(values))
        if len(block.times) == _FLUSH_ROWS:
            self._send(topic)

    def text(self, topic: str, time_ns: int, text: str) -> None:
        """Add a text."""
        self._log(topic, time_ns, self._rerun.TextLog(text.encode("utf-8", "replace").decode()), len(text))

    def finish(self, facts: Mapping[str, str]) -> None:
        """Write `facts` as the property `robotdata`, and what waits."""
        for topic in list(self._rows):
            self._send(topic)
        self._recording.send_property(_APPLICATION, self._rerun.AnyValues(**facts))
        if name := " ".join(filter(None, (facts.get("dataset"), facts.get("episode")))):
            self._recording.send_recording_name(name)
        self._flush()

    def _path(self, *parts: str) -> str:
        return str(self._rerun.new_entity_path(list(parts)))

    def _log(self, topic: str, time_ns: int, message: Any, size: int) -> None:
        frame = int(self._frames(np.array([time_ns]))[0])
        self._recording.set_time(FRAME, sequence=frame)
        self._recording.set_time(SECONDS, duration=(time_ns - int(self._times[0])) / _SECOND)
        self._recording.set_time(TIME, timestamp=np.datetime64(time_ns, "ns"))
        self._recording.log(self._path(*topic.split("/")), message)
        self._waiting += size
        if self._waiting > _FLUSH_BYTES:
            self._flush()

    def _send(self, topic: str) -> None:
        """Write the rows that wait, all of a name at once."""
        block = self._rows.pop(topic, None)
        if block is None:
            return
        times = np.array(block.times, np.int64)
        indexes = [
            self._rerun.TimeColumn(FRAME, sequence=self._frames(times)),
            self._rerun.TimeColumn(SECONDS, duration=(times - self._times[0]) / _SECOND),
            self._rerun.TimeColumn(TIME, timestamp=times.astype("datetime64[ns]")),
        ]
        table = np.stack(block.values).astype(np.float64)
        for name, column in zip(_unlike(block.names), table.T, strict=True):
            path = self._path(*topic.split("/"), name)
            self._recording.send_columns(path, indexes, self._rerun.Scalars.columns(scalars=column))
        self._waiting += table.nbytes
        if self._waiting > _FLUSH_BYTES:
            self._flush()

    def _frames(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of each time; what was captured between two rows belongs to the later one, which shows it."""
        return np.minimum(np.searchsorted(self._times, times), len(self._times) - 1).astype(np.int64)

    def _flush(self) -> None:
        self._file.write(self._stream.read() or b"")
        self._waiting = 0


class _Block:
    """Rows of one topic that wait: their times, names and values."""

    def __init__(self, names: list[str]) -> None:
        self.names, self.times = names, list[int]()
        self.values: list[NDArray[Any]] = []


def _unlike(names: Sequence[str]) -> list[str]:
    """Return the names, numbered where two are the same or one is empty."""
    return [name if name and names.count(name) == 1 else f"{name}[{place}]" for place, name in enumerate(names)]
