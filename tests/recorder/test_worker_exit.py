"""A worker that is told to stop: immediately if it is idle, after its task if it is not."""

from __future__ import annotations

import os
from typing import Any

import pytest
from celery.signals import worker_shutting_down
from celery.worker import state

from recorder.worker import tasks


class Exited(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def _exits(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(code: int) -> None:
        raise Exited(code)

    monkeypatch.setattr(os, "_exit", leave)


def told_to_stop(how: str = "Warm") -> list[Any]:
    """What Celery's own signal handler does, and what came of it."""
    found = worker_shutting_down.send(sender="worker@here", sig="SIGTERM", how=how, exitcode=0)
    return [raised for receiver, raised in found if receiver is tasks.exit_if_idle and isinstance(raised, Exited)]


@pytest.mark.usefixtures("_exits")
@pytest.mark.parametrize("held", [None, "active_requests", "reserved_requests"])
def test_an_idle_worker_exits_and_one_with_a_task_does_not(monkeypatch: pytest.MonkeyPatch, held: str | None) -> None:
    monkeypatch.setattr(state, "active_requests", set())
    monkeypatch.setattr(state, "reserved_requests", set())
    if held is not None:
        monkeypatch.setattr(state, held, {"a task"})
    assert len(told_to_stop()) == (0 if held else 1)
    assert told_to_stop("Cold") == []
