"""The worker's clock: sweeps by itself, whatever goes wrong with one sweep."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError

from recorder.worker import sweep
from recorder.worker.scheduler import Scheduler
from robotdata.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Errors that are put here are raised by the next sweeps, None is a good one; what is taken was swept."""
    to_come: list[Any] = []
    monkeypatch.setattr(sweep, "sweep", lambda: _raise(to_come.pop(0)))
    return to_come


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: at[0])
    return at


def test_it_sweeps_every_five_seconds_and_tells_how_long_to_wait(swept: list[Any], now: list[float]) -> None:
    swept += [None, None]
    scheduler = Scheduler(app=app, lazy=True)
    assert 0 < scheduler.tick() <= 1 and len(swept) == 2, "the worker beside it begins first"
    now[0] += 1
    scheduler.tick()
    assert len(swept) == 1
    now[0] += settings.SWEEP_EVERY_S - 0.1
    assert 0 < scheduler.tick() <= 0.2 and len(swept) == 1
    now[0] += 0.1
    scheduler.tick()
    assert swept == []


def test_it_goes_on_after_a_sweep_that_failed(
    swept: list[Any], now: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    swept += [OperationalError("the connection is closed"), ValueError("a mistake of ours"), None]
    scheduler = Scheduler(app=app, lazy=True)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            now[0] += settings.SWEEP_EVERY_S
            scheduler.tick()
    assert swept == []
    assert "Cannot sweep now, trying again: the connection is closed" in caplog.text
    assert "The sweep failed" in caplog.text and "a mistake of ours" in caplog.text


def test_the_wall_clock_does_not_matter(swept: list[Any], now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    swept += [None, None]
    scheduler = Scheduler(app=app, lazy=True)
    for day in (0, -1):
        monkeypatch.setattr(time, "time", lambda day=day: 1.8e9 + day * 86400)
        now[0] += settings.SWEEP_EVERY_S
        scheduler.tick()
    assert swept == [], "set back by a day it still sweeps"


def test_it_is_the_one_that_celery_starts() -> None:
    assert app.conf.beat_scheduler == "recorder.worker.scheduler:Scheduler"
    assert app.conf.worker_max_memory_per_child == 2048 * 1024
