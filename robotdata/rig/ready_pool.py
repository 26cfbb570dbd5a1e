"""Threads for the link's slow work, of which the first run already when a system allows no more."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

_START_S = 10.0


def ready_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """Return a pool that has `threads` idle threads, or as many as the system allows; it starts more when all are busy.

    A pool begins a thread for work that comes just before another one is idle again. At the limit of threads of the
    system that fails, although a thread would be free a moment later.
    """
    pool = ThreadPoolExecutor(thread_name_prefix=name)
    begun = threading.Barrier(threads + 1)
    with contextlib.suppress(RuntimeError):  # no thread, or none in time: those that are there serve
        for _ in range(threads):
            pool.submit(begun.wait, _START_S)
        begun.wait(_START_S)
    begun.abort()
    return pool
