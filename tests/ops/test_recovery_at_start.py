"""Rows and folders are made to agree at every start; with many takes the product runs meanwhile."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError

from recorder.management.embedded import EmbeddedError
from recorder.management.preparation import Recovery


def test_a_short_one_ends_before_the_pages_answer() -> None:
    done, lines = threading.Event(), []
    Recovery(done.set, wait_s=60).run(say=lines.append)
    assert done.is_set() and not lines


def test_a_long_one_continues_and_says_so_and_when_it_is_done() -> None:
    let_go, lines = threading.Event(), []
    recovery = Recovery(lambda: let_go.wait(60), wait_s=0)
    recovery.run(say=lines.append)
    assert len(lines) == 1
    let_go.set()
    recovery.finish(60)
    assert len(lines) == 2


def test_it_gives_up_waiting_at_the_end() -> None:
    let_go = threading.Event()
    recovery = Recovery(lambda: let_go.wait(60), wait_s=0)
    recovery.run(say=lambda text: None)
    recovery.finish(0)
    let_go.set()


def test_an_unusable_database_is_the_end_of_the_start() -> None:
    def fail() -> None:
        raise OperationalError("database disk image is malformed")

    with pytest.raises(EmbeddedError, match="malformed"):
        Recovery(fail, wait_s=60).run(say=lambda text: None)


def test_a_database_that_becomes_unusable_later_is_reported() -> None:
    let_go, lines = threading.Event(), []

    def fail() -> None:
        let_go.wait(60)
        raise OperationalError("disk I/O error")

    recovery = Recovery(fail, wait_s=0)
    recovery.run(say=lines.append)
    let_go.set()
    recovery.finish(60)
    assert "disk I/O error" in lines[1]
