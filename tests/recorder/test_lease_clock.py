"""A wall clock that jumps, or a laptop that wakes, takes no work from a worker that lives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs import lease_clock
from recorder.jobs.encoding import start_encoding
from recorder.jobs.lease_clock import LeaseClock
from recorder.models import Dataset, Episode, Job
from recorder.worker import encode, run
from recorder.worker.sweep import sweep

pytestmark = pytest.mark.django_db
MakeEpisode = Callable[..., Episode]
HOUR_S = 3600.0


class Clocks:
    """A wall clock and a monotonic one, each set by hand."""

    def __init__(self) -> None:
        self.wall_s = self.monotonic_s = 0.0
        self.begin = timezone.now()

    def wall(self) -> datetime:
        return self.begin + timedelta(seconds=self.wall_s)

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """What the whole product reads."""
    clocks = Clocks()
    monkeypatch.setattr(timezone, "now", clocks.wall)
    monkeypatch.setattr(lease_clock, "LEASE_CLOCK", LeaseClock(clocks.wall, lambda: clocks.monotonic_s))
    for module in ("recorder.worker.sweep", "recorder.worker.run"):
        monkeypatch.setattr(f"{module}.LEASE_CLOCK", lease_clock.LEASE_CLOCK)
    return clocks


def test_it_follows_the_wall_clock_and_lags_after_a_jump_ahead_only() -> None:
    clocks = Clocks()
    clock = LeaseClock(clocks.wall, lambda: clocks.monotonic_s)

    def shown_s() -> float:
        return round((clock.now() - clocks.begin).total_seconds(), 3)

    assert shown_s() == 0
    clocks.pass_s(5)
    assert shown_s() == 5
    clocks.wall_s += HOUR_S
    assert shown_s() == 5
    clocks.pass_s(2)
    clocks.wall_s += HOUR_S
    assert shown_s() == 7, "a second jump adds up"
    clocks.pass_s(settings.JOB_LEASE_S)
    assert shown_s() == clocks.wall_s
    clocks.wall_s -= HOUR_S
    assert shown_s() == clocks.wall_s, "a clock that is set back is believed"


def test_a_living_worker_keeps_its_job_and_a_dead_one_loses_it_a_lease_later(
    clocks: Clocks, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    make_episode()
    start_encoding(dataset=cubes, actor=Actor("olga"))
    claimed = encode.claim_job(Job.objects.get().pk)
    assert claimed is not None
    sweep()
    clocks.wall_s += HOUR_S
    sweep()
    assert Job.objects.get().token == claimed.token
    clocks.pass_s(settings.JOB_LEASE_S + 1)
    sweep()
    assert (Job.objects.get().token, Job.objects.get().state) == ("", "queued")


def test_a_second_message_takes_no_operation_from_a_living_worker(
    clocks: Clocks, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    make_episode(cameras=())
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    type(operation).objects.filter(pk=operation.pk).update(state="running")
    assert run.claim_operation(operation.pk) is not None
    sweep()
    clocks.wall_s += HOUR_S
    assert run.claim_operation(operation.pk) is None
    clocks.pass_s(settings.JOB_LEASE_S + 1)
    assert run.claim_operation(operation.pk) is not None
