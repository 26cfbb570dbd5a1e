"""The threads of the link are there before they are needed, and a system without room for them stops nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from robotdata.rig.ready_pool import ready_pool
from tests.support.whole import until


def settle(pool: ThreadPoolExecutor, idle: int) -> None:
    """Wait until so many threads of the pool wait for work; no method of it says so.

    Python 3.11 counts the last one twice, once for the work whose thread could not be started.
    """
    until(lambda: pool._idle_semaphore._value >= idle)


def test_work_that_comes_at_once_needs_no_new_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    with ready_pool(3, "ready") as pool:
        settle(pool, 3)

        def full(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", full)
        for _ in range(3):
            assert pool.submit(int, "7").result(60) == 7


def test_a_system_that_is_full_gives_a_pool_with_fewer_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    start, begun = threading.Thread.start, []

    def narrow(thread: threading.Thread) -> None:
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", narrow)
    pool: ThreadPoolExecutor = ready_pool(3, "ready")
    settle(pool, 1)
    said: Any = pool.submit(int, "7")
    assert said.result(60) == 7 and len(begun) == 1
    pool.shutdown()
