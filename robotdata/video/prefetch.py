"""Runs an iterator some items ahead, in the time that the encoder's own threads leave."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator

import av

from robotdata.video.priority import give_way

_MEMORY = 16 << 20
_FEWEST, _MOST = 4, 32


class Prefetcher:
    """Makes items on a thread of its own, a few ahead; iterate it inside its `with` block.

    An encoder leaves its cores idle again and again; there the next frames are decoded, if enough of them may wait
    (`item_bytes` each, together about 16 MiB) and if they never take a core from it. An error of the iterator is raised
    where its item would have come.
    """

    def __init__(self, items: Iterable[av.VideoFrame], item_bytes: int) -> None:
        self._items = items
        depth = max(_FEWEST, min(_MOST, _MEMORY // max(1, item_bytes)))
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
            give_way()
            for item in self._items:
                if self._stop.is_set():
                    return
                self._queue.put(item)
        except BaseException as error:  # noqa: BLE001 - carried to the consumer, who raises it
            last = error
        self._queue.put(last)

    def _discard(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
