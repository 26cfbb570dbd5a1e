"""Run an iterator some items ahead, in processor time that the encoder's threads do not use."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator

import av

from robotdata.video.priority import lower_thread_priority

_MEMORY = 16 << 20
"""Bytes that waiting items may take together."""
_MIN_ITEMS, _MAX_ITEMS = 4, 32


class Prefetcher:
    """Produces items in a thread of its own, a few ahead. Iterate it inside its `with` block.

    An encoder does not use all cores all the time; meanwhile the next frames are decoded, at a lower priority. Items of
    `item_bytes` each take about 16 MiB together. An exception of the iterator is raised in place of its item.
    """

    def __init__(self, items: Iterable[av.VideoFrame], item_bytes: int) -> None:
        self._items = items
        depth = max(_MIN_ITEMS, min(_MAX_ITEMS, _MEMORY // max(1, item_bytes)))
        self._queue: queue.Queue[av.VideoFrame | BaseException | None] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="video-prefetch", daemon=True)

    def __enter__(self) -> Prefetcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            self._discard()
            self._thread.join(0.01)

    def __iter__(self) -> Iterator[av.VideoFrame]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _run(self) -> None:
        last: BaseException | None = None
        try:
            lower_thread_priority()
            for item in self._items:
                if self._stop.is_set():
                    return
                self._queue.put(item)
        except BaseException as error:  # noqa: BLE001 - raised in the consumer's thread
            last = error
        self._queue.put(last)

    def _discard(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
