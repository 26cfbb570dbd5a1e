"""Whether the queue is said to be offline: never of the embedded one, at once of one that is gone, and taken back."""

from __future__ import annotations

import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from celery import current_app

from recorder.jobs import broker_health
from recorder.jobs.broker_health import BrokerWatch


def until(true: Callable[[], Any], within_s: float = 30) -> Any:
    end = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
    return found


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a program that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks first waits until it is known: a busy machine may need more than the moment that a page waits."""
    monkeypatch.setattr(broker_health, "_FIRST_CHECK_WAIT_S", 60.0)


@pytest.fixture
def at(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the queue be a Redis at a port."""

    def move(port: int) -> None:
        url = urllib.parse.urlunsplit(("redis", f":secret@127.0.0.1:{port}", "/0", "", ""))
        settings.CELERY_BROKER_URL = url
        monkeypatch.setattr(current_app.conf, "broker_url", url)
        monkeypatch.setattr(current_app.conf, "broker_write_url", url)

    return move


def test_the_embedded_queue_is_never_asked() -> None:
    def ask() -> bool:
        raise AssertionError("nobody needs to know")

    watch, before = BrokerWatch(ask), threading.active_count()
    assert watch.offline_since() is None and threading.active_count() == before


def test_one_that_is_gone_is_said_at_once_and_named_without_its_password(
    at: Callable[[int], None], patient: None
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    at(port)
    assert isinstance(BrokerWatch().offline_since(), datetime)
    assert broker_health.broker_address() == f"127.0.0.1:{port}"


def test_one_that_hangs_is_said_though_nobody_waits_for_it(at: Callable[[int], None], silent: int) -> None:
    at(silent)
    watch = BrokerWatch()
    assert watch.offline_since() is None, "not known yet"
    until(watch.offline_since)


def test_one_lost_answer_is_no_alarm_and_who_is_back_is_believed(
    at: Callable[[int], None], silent: int, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(silent)
    monkeypatch.setattr(broker_health, "CHECK_EVERY_S", 0.05)
    told, there = [False], [True]
    watch = BrokerWatch(lambda: told.pop() if told else there[0])
    assert watch.offline_since() is None and not told
    there[0] = False
    until(watch.offline_since)
    there[0] = True
    until(lambda: watch.offline_since() is None)


def test_it_stays_since_when_it_began_and_stops_asking_when_nobody_looks(
    at: Callable[[int], None], silent: int, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(silent)
    monkeypatch.setattr(broker_health, "CHECK_EVERY_S", 0.01)
    monkeypatch.setattr(broker_health, "_STOP_AFTER_S", 0.05)
    watch = BrokerWatch(lambda: False)
    since = watch.offline_since()
    assert since is not None
    until(lambda: watch._thread is None)
    assert watch.offline_since() == since
