"""What pages say of workers: that one does not answer, that one is lost, and that none has begun the work."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.jobs.worker_watch import NOBODY_AFTER_S, SILENT_AFTER_S, WorkerWatch, worker_watch
from recorder.live import change_feed
from recorder.models import Dataset, Episode, Job, Operation
from recorder.models.states import OperationState
from recorder.worker import encode, run
from robotdata.dataset.errors import DatasetBusy
from tests.recorder.conftest import FRONT, TOP

MakeEpisode = Callable[..., Episode]


@pytest.fixture
def looks_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[str]]:
    """Return a function that lets the feed look as many seconds later; it returns the operations that it names."""
    worker_watch.forget()
    began, look = time.monotonic(), worker_watch.look

    def later(seconds: float) -> list[str]:
        monkeypatch.setattr(worker_watch, "look", lambda: look(began + seconds))
        return [moved["id"] for moved in change_feed._with_workers([]) or []]

    return later


def begin(cubes: Dataset) -> Operation:
    return start_encoding(dataset=cubes, actor=Actor("olga"))


def page_of(client: Client, operation: Operation) -> str:
    answer = client.get(f"/operations/{operation.pk}/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_worker_that_renews_nothing_is_silent_until_it_does(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    operation = begin(cubes)
    encode.claim_job(Job.objects.get().pk)
    watch = WorkerWatch()
    assert watch.look(100.0) == set()
    assert watch.look(100.0 + SILENT_AFTER_S - 0.1) == set()
    assert watch.look(100.0 + SILENT_AFTER_S) == {operation.pk}
    assert watch.silent_since(operation.pk) is not None
    assert watch.look(103.0) == set(), "it is said once"
    Job.objects.update(lease_until=timezone.now() + timedelta(hours=1))  # by a clock that is an hour ahead
    assert watch.look(103.5) == {operation.pk}
    assert watch.silent_since(operation.pk) is None
    Job.objects.update(state="done")
    assert watch.look(110.0) == set()
    assert watch.is_idle


def test_a_silent_worker_is_called_lost_only_after_its_lease(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client, looks_later: Callable[[float], list[str]]
) -> None:
    make_episode()
    operation = begin(cubes)
    encode.claim_job(Job.objects.get().pk)
    assert looks_later(0) == []
    assert looks_later(SILENT_AFTER_S) == [str(operation.pk)]
    page = page_of(administrator, operation)
    assert "The worker does not answer" in page
    assert "It may wait for the database" in page
    assert "Worker lost" not in page
    assert looks_later(settings.JOB_LEASE_S - 0.1) == []
    assert "Worker lost" not in page_of(administrator, operation)
    assert looks_later(settings.JOB_LEASE_S) == [str(operation.pk)], "an open page is told"
    page = page_of(administrator, operation)
    assert "Worker lost" in page
    assert "finished videos are kept" in page
    Job.objects.update(lease_until=timezone.now())
    assert looks_later(settings.JOB_LEASE_S + 1) == [str(operation.pk)]
    page = page_of(administrator, operation)
    assert "Worker lost" not in page
    assert "does not answer" not in page


def test_work_that_nobody_begins_is_said_while_nobody_works(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client, looks_later: Callable[[float], list[str]]
) -> None:
    make_episode(cameras=(FRONT, TOP))
    operation = begin(cubes)
    assert looks_later(0) == []
    assert looks_later(NOBODY_AFTER_S) == [str(operation.pk)]
    page = page_of(administrator, operation)
    assert "No worker has begun the next step since" in page.replace("</strong>", "")
    assert "It may be measuring other takes" in page, "a worker that measures holds no lease"
    assert "No worker answers" not in page
    encode.claim_job(Job.objects.order_by("id")[0].pk)
    assert looks_later(NOBODY_AFTER_S + 1) == [str(operation.pk)]
    assert "No worker has begun" not in page_of(administrator, operation), "the other camera will have its turn"


def test_work_of_which_a_part_was_begun_between_two_looks_waits_anew(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode(cameras=(FRONT, TOP))
    operation = begin(cubes)
    watch = WorkerWatch()
    watch.look(0.0)
    first = Job.objects.order_by("id")[0]
    Job.objects.filter(pk=first.pk).update(state="done", attempt=1)
    watch.look(NOBODY_AFTER_S - 1)
    assert watch.look(NOBODY_AFTER_S) == set(), "somebody began a part of it a second ago"
    assert watch.look(2 * NOBODY_AFTER_S) == {operation.pk}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), "busy"])
def test_a_run_that_a_worker_put_off_was_not_left_by_the_workers(
    cubes: Dataset, make_episode: MakeEpisode, error: Exception | str
) -> None:
    make_episode()
    operation = begin(cubes)
    Job.objects.update(state="done")
    Operation.objects.update(state=OperationState.RUNNING)
    claimed = run.claim_operation(operation.pk)
    assert claimed is not None
    run._handle_error(claimed, DatasetBusy(cubes.path, "a copy") if isinstance(error, str) else error)
    operation.refresh_from_db()
    assert (operation.attempt, operation.token) == (0, "")
    watch = WorkerWatch()
    watch.look(0.0)
    assert watch.look(NOBODY_AFTER_S + 1) == set()
    assert watch.unclaimed_since(operation.pk) is None


def test_a_job_that_waits_for_space_was_not_left_by_the_workers(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    operation = begin(cubes)
    job = encode.claim_job(Job.objects.get().pk)
    assert job is not None
    encode._handle_error(job, OSError(errno.ENOSPC, "No space left on device"))
    job.refresh_from_db()
    assert (job.state, job.attempt) == ("queued", 0)
    watch = WorkerWatch()
    watch.look(0.0)
    assert watch.look(NOBODY_AFTER_S + 1) == set()
    assert watch.unclaimed_since(operation.pk) is None
