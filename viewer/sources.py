"""One way to look at an episode, whether it is a take in the spool or rows of a committed dataset.

A source opens files lazily, answers from any thread, and says in words what it cannot read. `SourceCache` keeps a
bounded number of them open and closes one only when nobody reads it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera of an episode; `key` as in the features, `name` without their prefix."""

    key: str
    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VideoFile:
    """The committed video in which an episode lies: its frames are [first_frame, first_frame + frames)."""

    path: Path
    first_frame: int
    frames: int


@dataclass(frozen=True, slots=True)
class Signals:
    """Every numeric feature: `columns[feature]` is float32 (rows, d), `names[feature]` one name for each of the d."""

    columns: dict[str, NDArray[np.float32]]
    names: dict[str, list[str]]
    age_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    """Per camera p50, p99 and max of how old its frame was at a tick; empty where nobody measured it."""
    left_out: list[str] = field(default_factory=list)


class FrameSource(Protocol):
    """Frames [0, frames) of every camera, all on one grid of `fps`."""

    frames: int
    fps: float
    cameras: tuple[CameraInfo, ...]
    version: str
    """Changes whenever a byte that this source may give changes."""
    growing: bool
    """Still being recorded: opened later, it may have more frames."""
    decodes: bool
    """Whether a frame costs a decoder's work; else its bytes lie ready."""
    first_tick: int
    """The take's tick that is frame 0; 0 for committed episodes."""
    problems: tuple[str, ...]
    """What cannot be shown, in words for people."""

    def jpeg(self, camera: str, n: int) -> bytes:
        """Frame `n` of `camera`; raises NotThere or Gone."""
        ...

    def signals(self) -> Signals:
        """Raises Gone where the rows cannot be read."""
        ...

    def video(self, camera: str) -> VideoFile:
        """The committed file; raises NotThere where there is none."""
        ...

    def close(self) -> None: ...


def describe(source: FrameSource) -> dict[str, Any]:
    """What a page needs to know before the first frame, as JSON."""
    return {
        "frames": source.frames,
        "fps": source.fps,
        "cameras": [{"key": c.key, "name": c.name, "width": c.width, "height": c.height} for c in source.cameras],
        "version": source.version,
        "growing": source.growing,
        "first_tick": source.first_tick,
        "problems": list(source.problems),
    }


class _Entry:
    def __init__(self, version: Hashable, source: FrameSource) -> None:
        self.version = version
        self.source = source
        self.readers = 0
        self.dropped = False
        self.used_at = 0.0


class SourceCache:
    """At most `limit` sources stay open, and none for long that nobody asks for.

    One that is being read is closed by its last reader, never during a read.
    """

    def __init__(self, limit: int, *, idle_s: float = 15.0) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._sweeping = False

    @contextlib.contextmanager
    def lease(self, key: Hashable, version: Hashable, make: Callable[[], FrameSource]) -> Iterator[FrameSource]:
        """The open source for `key` if it still is of `version`, else a new one from `make`."""
        entry = self._take(key, version) or self._insert(key, version, make())
        try:
            yield entry.source
        finally:
            self._release(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Close what nobody reads; the rest closes with its last reader."""
        with self._lock:
            gone = [self._drop(key) for key in list(self._entries)]
        _close(gone)

    def _take(self, key: Hashable, version: Hashable) -> _Entry | None:
        gone: list[FrameSource | None] = []
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                entry.readers += 1
                self._entries.move_to_end(key)
                return entry
            if entry is not None:
                gone.append(self._drop(key))
        _close(gone)
        return None

    def _insert(self, key: Hashable, version: Hashable, source: FrameSource) -> _Entry:
        """Keep `source`, unless somebody opened the same one meanwhile: then theirs, and ours is closed."""
        gone: list[FrameSource | None] = []
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                gone.append(source)
            else:
                if entry is not None:
                    gone.append(self._drop(key))
                entry = self._entries[key] = _Entry(version, source)
            entry.readers += 1
            while len(self._entries) > self._limit:
                gone.append(self._drop(next(iter(self._entries))))
        _close(gone)
        return entry

    def _drop(self, key: Hashable) -> FrameSource | None:
        """Forget `key`; the source to close now, or None while somebody reads it. Needs the lock."""
        entry = self._entries.pop(key)
        entry.dropped = True
        return None if entry.readers else entry.source

    def _release(self, entry: _Entry) -> None:
        with self._lock:
            entry.readers -= 1
            entry.used_at = time.monotonic()
            last = entry.dropped and not entry.readers
            self._sweep_later()
        if last:
            entry.source.close()

    def _sweep_later(self) -> None:
        """Needs the lock. An open file keeps its room on the disk though the trash was emptied."""
        if self._entries and not self._sweeping:
            self._sweeping = True
            timer = threading.Timer(self._idle_s, self._sweep)
            timer.daemon = True
            timer.start()

    def _sweep(self) -> None:
        with self._lock:
            self._sweeping = False
            before = time.monotonic() - self._idle_s
            idle = [key for key, entry in self._entries.items() if not entry.readers and entry.used_at <= before]
            gone = [self._drop(key) for key in idle]
            self._sweep_later()
        _close(gone)


def _close(sources: list[FrameSource | None]) -> None:
    for source in sources:
        if source is not None:
            source.close()
