from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode, Job, Operation, Rig
from recorder.worker import encode, sweep
from robotdata.spool import read_manifest, write_manifest
from robotdata.spool.take_lock import TakeLock
from tests.recorder.conftest import FRONT, TOP

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]
OLD = "2020-01-01T00:00:00Z"


def later(**time: float) -> Any:
    return timezone.now() + timedelta(**time)


@pytest.fixture
def operation(cubes: Dataset, make_episode: MakeEpisode, bells: list[Any]) -> Operation:
    """Two jobs wait; their bells were lost."""
    make_episode(cameras=(FRONT, TOP))
    made = start_encoding(dataset=cubes, actor=Actor("olga"))
    bells.clear()
    return made


def test_it_rings_nothing_while_all_is_well(operation: Operation, bells: list[Any]) -> None:
    sweep.sweep()
    assert bells == []


def test_it_rings_for_jobs_whose_bell_was_lost_and_ever_more_rarely(operation: Operation, bells: list[Any]) -> None:
    jobs = [("run_job", (pk,)) for pk in Job.objects.values_list("pk", flat=True)]
    assert sweep.notify_waiting(later(seconds=16)) == 2 and bells == jobs
    assert sweep.notify_waiting(later(seconds=20)) == 0
    hour = sum(sweep.notify_waiting(later(seconds=seconds)) for seconds in range(30, 3630, 5))
    assert 10 < hour < 60, "a queue without a worker does not fill with bells"


def test_it_does_not_ring_for_what_waits_behind_a_living_worker(operation: Operation, bells: list[Any]) -> None:
    job = encode.claim_job(operation.jobs.all()[0].pk)
    assert job is not None
    Job.objects.filter(pk=job.pk).update(lease_until=later(hours=1))
    assert sweep.notify_waiting(later(minutes=5)) == 0
    assert sweep.notify_waiting(later(minutes=11)) == 1, "after ten minutes it does"


def test_it_gives_a_dead_workers_job_to_another(operation: Operation, bells: list[Any]) -> None:
    job = encode.claim_job(operation.jobs.all()[0].pk)
    assert job is not None
    sweep.sweep()
    assert bells == []
    Job.objects.filter(pk=job.pk).update(lease_until=OLD)
    sweep.sweep()
    sweep.sweep()
    assert bells == [("run_job", (job.pk,))]
    job.refresh_from_db()
    assert (job.state, job.token, job.attempt) == ("queued", "", 1)


def test_it_fails_a_take_that_kills_its_workers(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    for _ in range(3):
        assert encode.claim_job(Job.objects.get().pk) is not None
        Job.objects.update(lease_until=OLD)
        sweep.sweep()
    episode.refresh_from_db()
    operation.refresh_from_db()
    assert (Job.objects.get().state, episode.state, operation.state) == ("failed", "failed", "failed")
    assert "crashed" in episode.error and "tried 3 times" in episode.error


def test_it_moves_a_batch_on_whose_worker_died_between_two_steps(operation: Operation, bells: list[Any]) -> None:
    Operation.objects.update(state="encoding")
    Job.objects.update(state="done", lease_until=None)
    sweep.sweep()
    operation.refresh_from_db()
    assert operation.state == "running" and ("run_operation", (str(operation.pk),)) in bells


def test_it_begins_the_batch_that_a_crash_left_out(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    Dataset.objects.update(policy="every", every=1)  # killed between the verdict and its policy
    sweep.sweep()
    assert Operation.objects.get().reason == "every take"


def test_it_does_next_to_nothing_where_nothing_waits(cubes: Dataset, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12) as queries:
        sweep.sweep()
    assert not any(query["sql"].startswith(("UPDATE", "INSERT", "BEGIN")) for query in queries.captured_queries)


def test_it_closes_a_take_whose_rig_died_and_never_came_back(make_episode: MakeEpisode) -> None:
    rig = Rig.objects.create(name="arm", state="offline", state_since=OLD)
    episode = make_episode(cameras=(FRONT,))
    folder = episode.take_path
    write_manifest(folder, read_manifest(folder) | {"state": "recording", "ticks": 0})
    Episode.objects.filter(pk=episode.pk).update(state="recording", rig=rig)

    def state_after_a_sweep() -> str:
        sweep.sweep()
        episode.refresh_from_db()
        return episode.state

    assert state_after_a_sweep() == "recording", "somebody has just written to it"
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    with TakeLock(folder):
        os.utime(folder / ".lock", (0, 0))
        assert state_after_a_sweep() == "recording", "somebody holds it: only the link is gone"
    os.utime(folder / ".lock", (0, 0))
    Rig.objects.update(state_since=timezone.now())
    assert state_after_a_sweep() == "recording", "it may come back"
    Rig.objects.update(state_since=OLD)
    assert state_after_a_sweep() == "interrupted"
    assert episode.ticks == read_manifest(folder)["ticks"] > 0


def test_it_removes_the_half_videos_of_dead_encoders_alone(operation: Operation, settings: Any) -> None:
    job = encode.claim_job(operation.jobs.all()[0].pk)
    assert job is not None
    folder = Path(settings.STAGING_DIR) / str(job.episode_id)
    folder.mkdir(parents=True)
    dead, name = "d" * 32, f"{FRONT}.0123456789abcdef"
    parts = [f"{name}.{{}}.tmp.mp4", f".{name}.{{}}.tmp.mp4.12ab34cd.part"]
    whole = [f"{name}.mp4", f"{name}.mp4.json"]
    for path in [each.format(token) for each in parts for token in (dead, job.token)] + whole:
        (folder / path).write_bytes(b"x")
    sweep.sweep()
    assert len(list(folder.iterdir())) == 6, "just written to: whoever lost his lease may not know it yet"
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    sweep.sweep()
    assert {path.name for path in folder.iterdir()} == {*whole, *(each.format(job.token) for each in parts)}
    Job.objects.filter(pk=job.pk).update(state="queued", token="")
    sweep.sweep()
    assert {path.name for path in folder.iterdir()} == set(whole)
