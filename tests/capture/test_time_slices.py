"""The control loop asks for short time slices, and only its own thread does."""

from __future__ import annotations

import threading

import pytest

from robotdata.capture.time_slices import SHORTEST_NS, ask_for_short_slices, slice_ns


def in_a_thread(ask: bool) -> tuple[bool, int]:
    seen: list[tuple[bool, int]] = []
    thread = threading.Thread(target=lambda: seen.append((ask and ask_for_short_slices(), slice_ns())))
    thread.start()
    thread.join()
    return seen[0]


def test_a_thread_gets_short_slices_and_its_neighbours_keep_theirs() -> None:
    usual = slice_ns()
    if usual <= SHORTEST_NS:
        pytest.skip("this system does not tell the length of a slice")
    assert in_a_thread(True) == (True, SHORTEST_NS)
    assert slice_ns() == usual and in_a_thread(False) == (False, usual)
