"""Where frames are decoded: in threads, never the event loop, few at once; and a bounded store of the results."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from cachetools import LRUCache

from robotdata.video.jpeg import ImageError
from viewer.errors import BadRequest, Busy, Gone
from viewer.pictures import LEAST_HEIGHT, MOST_HEIGHT, shrink_jpeg
from viewer.sources import FrameSource

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """A few threads and a bounded queue before them; a task that is cancelled before its turn is never run."""

    def __init__(self, name: str, *, workers: int, limit: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._limit = limit
        self._inside = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns; raises Busy where too many wait already."""
        with self._lock:
            if self._inside >= self._limit:
                raise Busy(f"{self._inside} frames are being read already: try again in a moment")
            self._inside += 1
        future = self._threads.submit(work, *args, **kwargs)
        future.add_done_callback(self._left)
        return await asyncio.wrap_future(future)

    def _left(self, _: Future[T]) -> None:
        with self._lock:
            self._inside -= 1


class Slots:
    """At most `most` threads at once inside the `with` block; Busy for who waits longer than `wait_s`."""

    def __init__(self, most: int, *, wait_s: float) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._wait_s = wait_s

    def __enter__(self) -> None:
        if not self._free.acquire(timeout=self._wait_s):
            raise Busy(f"too many frames are being read: yours was not ready within {self._wait_s:g} s. Try again")

    def __exit__(self, *exc: object) -> None:
        self._free.release()


_CORES = os.cpu_count() or 1
FRAMES = Pool("frames", workers=min(4, _CORES + 2), limit=512)
"""For the sockets' players."""
FRAME_TURNS = Slots(min(4, _CORES + 2), wait_s=10)
"""For requests, each of which has a thread of its own already."""
STRIP_TURNS = Slots(min(2, _CORES), wait_s=30)
"""Apart, so that a wall of filmstrips never holds up who is scrubbing."""


class JpegCache:
    """The newest JPEGs that took work to make, bounded by bytes; for any number of threads."""

    def __init__(self, max_bytes: int) -> None:
        self._kept: LRUCache[Hashable, bytes] = LRUCache(max_bytes, getsizeof=len)
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, data: bytes) -> None:
        """Keep `data`, unless it is larger than the whole cache."""
        with self._lock:
            self._kept.pop(key, None)
            if len(data) <= self._kept.maxsize:
                self._kept[key] = data

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


JPEGS = JpegCache(64 * 1024 * 1024)


def read_frame(source: FrameSource, camera: str, n: int, height: int | None = None) -> bytes:
    """Frame `n` of `camera` as a JPEG, at most `height` pixels high. Blocks: call it in a thread.

    Raises NotThere for a camera or frame that the episode has not, Gone for one whose bytes are damaged.
    """
    if not source.decodes and height is None:
        return source.jpeg(camera, n)
    key = (source.version, camera, n, height)
    if (kept := JPEGS.get(key)) is not None:
        return kept
    data = source.jpeg(camera, n)
    try:
        data = shrink_jpeg(data, height)
    except ImageError as error:
        raise Gone(f"frame {n} of {camera}: {error}") from error
    JPEGS.put(key, data)
    return data


def parse_height(text: object) -> int | None:
    """`text` as a height in pixels, None for none asked; raises BadRequest with the bounds."""
    if text is None or text == "":
        return None
    whole = isinstance(text, int) and not isinstance(text, bool)
    if not whole and not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 6):
        raise BadRequest(f"height: write a whole number of pixels, {LEAST_HEIGHT} to {MOST_HEIGHT}")
    value = int(text)  # type: ignore[call-overload]
    if not LEAST_HEIGHT <= value <= MOST_HEIGHT:
        raise BadRequest(f"height {value}: write {LEAST_HEIGHT} to {MOST_HEIGHT} pixels")
    return int(value)
