"""F11: The wall clock jumps: no lease lasts forever, and none is taken from a worker that still works on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode, Job
from recorder.worker import encode
from recorder.worker.recover import recover
from tests.recorder.conftest import work

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(hours=-1), timedelta(hours=1)])
def test_it_gives_back_a_dead_workers_job_though_the_clock_was_set(
    transactional_db: None,
    cubes: Dataset,
    make_episode: Callable[..., Episode],
    monkeypatch: pytest.MonkeyPatch,
    jump: timedelta,
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    assert encode.claim_job(Job.objects.get().pk) is not None  # and then its worker dies
    now: Callable[[], Any] = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: now() + jump)
    assert recover().jobs_requeued == 1
    assert work(operation).state == "done"


def test_it_leaves_a_living_workers_job_alone(
    transactional_db: None, cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    make_episode()
    start_encoding(dataset=cubes, actor=Actor("olga"))
    assert encode.claim_job(Job.objects.get().pk) is not None
    assert recover().jobs_requeued == 0
