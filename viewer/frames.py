"""Read and decode frames in a bounded number of threads, never on the event loop, and cache the results."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from cachetools import LRUCache

from robotdata.video.jpeg import ImageError
from viewer.errors import BadRequest, Busy, Gone
from viewer.pictures import MAX_HEIGHT, MIN_HEIGHT, shrink_jpeg
from viewer.sources import FrameSource

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """A few threads and a bounded queue. A task that is cancelled before a thread takes it is not run."""

    def __init__(self, name: str, *, workers: int, limit: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._limit = limit
        self._pending = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread and return its result. Raises Busy if `limit` tasks are running or queued."""
        with self._lock:
            if self._pending >= self._limit:
                raise Busy(f"{self._pending} frames are being read already: try again in a moment")
            self._pending += 1
        future = self._threads.submit(work, *args, **kwargs)
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    def _release(self, _: Future[T]) -> None:
        with self._lock:
            self._pending -= 1


class Slots:
    """A bounded number of threads inside a `with` block.

    A thread waits up to `wait_s` seconds for one of `most` slots; then entering raises Busy.
    """

    def __init__(self, most: int, *, wait_s: float) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._wait_s = wait_s

    def within(self, wait_s: float) -> Slots:
        """Return the same slots for a thread that waits up to `wait_s` seconds."""
        other = copy.copy(self)
        other._wait_s = wait_s
        return other

    def __enter__(self) -> None:
        if not self._free.acquire(timeout=self._wait_s):
            raise Busy(f"too many frames are being read: yours was not ready within {self._wait_s:g} s. Try again")

    def __exit__(self, *exc: object) -> None:
        self._free.release()


_CORES = os.cpu_count() or 1
FRAMES = Pool("frames", workers=min(4, _CORES + 2), limit=512)
"""Threads for the players on websockets."""
FRAME_SLOTS = Slots(min(4, _CORES + 2), wait_s=10)
"""Slots for HTTP requests, which have a thread of their own already."""
STRIP_SLOTS = Slots(min(2, _CORES), wait_s=30)
"""Separate slots for filmstrips, so that a page full of them does not delay scrubbing."""


class JpegCache:
    """The most recently used JPEGs that had to be encoded, up to `max_bytes`. Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._entries: LRUCache[Hashable, bytes] = LRUCache(max_bytes, getsizeof=len)
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """Return the JPEG of `key`, or None."""
        with self._lock:
            return self._entries.get(key)

    def put(self, key: Hashable, data: bytes) -> None:
        """Keep `data`, unless it is larger than the whole cache."""
        with self._lock:
            self._entries.pop(key, None)
            if len(data) <= self._entries.maxsize:
                self._entries[key] = data

    def clear(self) -> None:
        """Remove all JPEGs."""
        with self._lock:
            self._entries.clear()


JPEGS = JpegCache(64 * 1024 * 1024)


def read_frame(source: FrameSource, camera: str, n: int, height: int | None = None) -> bytes:
    """Return frame `n` of `camera` as a JPEG, at most `height` pixels high. Blocks: call it in a thread.

    Raises NotFound if the episode has no such camera or frame, and Gone if the frame cannot be read.
    """
    if not source.decodes and height is None:
        return source.jpeg(camera, n)
    key = (source.version, camera, n, height)
    if (cached := JPEGS.get(key)) is not None:
        return cached
    data = source.jpeg(camera, n)
    try:
        data = shrink_jpeg(data, height)
    except ImageError as error:
        raise Gone(f"frame {n} of {camera}: {error}") from error
    JPEGS.put(key, data)
    return data


def parse_height(text: object) -> int | None:
    """Return `text` as a height in pixels, or None if it is empty. Raises BadRequest if it is out of bounds."""
    if text is None or text == "":
        return None
    is_integer = isinstance(text, int) and not isinstance(text, bool)
    if not is_integer and not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 6):
        raise BadRequest(f"height: write a whole number of pixels, {MIN_HEIGHT} to {MAX_HEIGHT}")
    value = int(text)  # type: ignore[call-overload]
    if not MIN_HEIGHT <= value <= MAX_HEIGHT:
        raise BadRequest(f"height {value}: write {MIN_HEIGHT} to {MAX_HEIGHT} pixels")
    return int(value)
