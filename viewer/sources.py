"""A common interface to the frames of an episode, whether it is a take in the spool or part of a committed dataset.

A source opens its files lazily and may be used from any thread. `SourceCache` keeps a bounded number of sources open,
and closes a source only when no thread reads it.
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
    """A camera of an episode: its feature key, the key without prefix, and the size of its frames in pixels."""

    key: str
    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VideoFile:
    """The dataset's video file that holds an episode, which is its frames [first_frame, first_frame + frames)."""

    path: Path
    first_frame: int
    frames: int


@dataclass(frozen=True, slots=True)
class Signals:
    """The numeric features of an episode.

    `columns[feature]`: float32 (rows, d). `names[feature]`, `units[feature]`: one name and one unit for each of the d
    columns; "" is an unknown unit. `left_out`: features that cannot be shown as numbers.
    """

    columns: dict[str, NDArray[np.float32]]
    names: dict[str, list[str]]
    units: dict[str, list[str]] = field(default_factory=dict)
    age_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    """By camera: p50, p99 and max of the age of its frame at a tick, in milliseconds; empty if it was not measured."""
    left_out: list[str] = field(default_factory=list)


class FrameSource(Protocol):
    """The frames [0, frames) of every camera, at `fps` Hz."""

    frames: int
    fps: float
    cameras: tuple[CameraInfo, ...]
    version: str
    """Changes whenever the data that this source returns may change."""
    growing: bool
    """Whether the episode is still being recorded, so that it may have more frames when it is opened again."""
    decodes: bool
    """Whether a frame must be decoded from video; otherwise its JPEG is stored."""
    first_tick: int
    """The tick of the take that is frame 0; 0 for committed episodes."""
    problems: tuple[str, ...]
    """What cannot be shown, as sentences for people."""

    def jpeg(self, camera: str, n: int) -> bytes:
        """Return frame `n` of `camera` as a JPEG. Raises NotFound or Gone."""
        ...

    def signals(self, recorded_action: str = "") -> Signals:
        """Return the numeric features. Raises Gone if the rows cannot be read.

        A take holds two actions. `action` is the one that its dataset gets, `recorded_action`, by default the rig's
        choice; the other one is the feature `action/sent` or `action/requested`, if the two differ anywhere.
        """
        ...

    def video(self, camera: str) -> VideoFile:
        """Return the video file of `camera`. Raises NotFound if there is none."""
        ...

    def close(self) -> None:
        """Close the files."""


def describe(source: FrameSource) -> dict[str, Any]:
    """Return what a page needs before the first frame, as JSON values."""
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
    """An open source in the cache."""

    def __init__(self, version: Hashable, source: FrameSource) -> None:
        self.version = version
        self.source = source
        self.readers = 0
        self.dropped = False
        self.used_at = 0.0


class SourceCache:
    """A cache of at most `limit` open sources. A source that is unused for `idle_s` seconds is closed.

    A source that is being read when it leaves the cache is closed by its last reader.
    """

    def __init__(self, limit: int, *, idle_s: float = 15.0) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._sweeping = False

    @contextlib.contextmanager
    def lease(self, key: Hashable, version: Hashable, make: Callable[[], FrameSource]) -> Iterator[FrameSource]:
        """Yield the open source of `key` if it has this `version`; otherwise open a new one with `make`."""
        entry = self._take(key, version) or self._insert(key, version, make())
        try:
            yield entry.source
        finally:
            self._release(entry)

    @contextlib.contextmanager
    def lease_open(self, key: Hashable, version: Hashable) -> Iterator[FrameSource | None]:
        """Yield the source of `key` if it is open and has this `version`, else None. Opens and closes no file."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                entry.readers += 1
            else:
                entry = None
        if entry is None:
            yield None
            return
        try:
            yield entry.source
        finally:
            self._release(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Empty the cache. Sources that are being read are closed by their last reader."""
        with self._lock:
            to_close = [self._drop(key) for key in list(self._entries)]
        _close(to_close)

    def _take(self, key: Hashable, version: Hashable) -> _Entry | None:
        """Return the entry of `key` with one more reader; remove it and return None if its version differs."""
        to_close: list[FrameSource | None] = []
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                entry.readers += 1
                self._entries.move_to_end(key)
                return entry
            if entry is not None:
                to_close.append(self._drop(key))
        _close(to_close)
        return None

    def _insert(self, key: Hashable, version: Hashable, source: FrameSource) -> _Entry:
        """Add `source` and return its entry.

        If another thread has added the same version meanwhile, close `source` and return that entry.
        """
        to_close: list[FrameSource | None] = []
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                to_close.append(source)
            else:
                if entry is not None:
                    to_close.append(self._drop(key))
                entry = self._entries[key] = _Entry(version, source)
            entry.readers += 1
            while len(self._entries) > self._limit:
                to_close.append(self._drop(next(iter(self._entries))))
        _close(to_close)
        return entry

    def _drop(self, key: Hashable) -> FrameSource | None:
        """Remove `key`. Return its source to be closed now, or None if it is being read. The caller holds the lock."""
        entry = self._entries.pop(key)
        entry.dropped = True
        return None if entry.readers else entry.source

    def _release(self, entry: _Entry) -> None:
        """Count one reader less; close the source if it was removed from the cache and this was the last reader."""
        with self._lock:
            entry.readers -= 1
            entry.used_at = time.monotonic()
            is_last = entry.dropped and not entry.readers
            self._sweep_later()
        if is_last:
            entry.source.close()

    def _sweep_later(self) -> None:
        """Start the timer that closes unused sources. The caller holds the lock.

        An open file keeps its disk space although the trash was emptied.
        """
        if self._entries and not self._sweeping:
            self._sweeping = True
            timer = threading.Timer(self._idle_s, self._sweep)
            timer.daemon = True
            timer.start()

    def _sweep(self) -> None:
        """Close the sources that are unused for `idle_s` seconds."""
        with self._lock:
            self._sweeping = False
            idle_since = time.monotonic() - self._idle_s
            idle = [key for key, entry in self._entries.items() if not entry.readers and entry.used_at <= idle_since]
            to_close = [self._drop(key) for key in idle]
            self._sweep_later()
        _close(to_close)


def _close(sources: list[FrameSource | None]) -> None:
    for source in sources:
        if source is not None:
            source.close()
