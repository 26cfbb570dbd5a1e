"""The page Encoding: each episode with stage, speed and log; what a batch made; workers that are lost; failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.jobs.job_log import MOST_CHARACTERS, MOST_LINES, Stage, with_line
from recorder.jobs.progress import encoding_progress
from recorder.jobs.worker_watch import NOBODY_AFTER_S, SILENT_AFTER_S, WorkerWatch, worker_watch
from recorder.live import change_feed
from recorder.models import Dataset, Episode, Job, Operation
from recorder.worker.encode import claim_job, run_job
from recorder.worker.run import claim_operation
from recorder.worker.sweep import requeue_stale_jobs
from tests.recorder.conftest import FRONT, TOP, work

MakeEpisode = Callable[..., Episode]


@pytest.fixture
def olga(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("olga"))
    return client


def begin(cubes: Dataset) -> Operation:
    return start_encoding(dataset=cubes, actor=Actor("olga"))


def stages(job: Job) -> list[str]:
    job.refresh_from_db()
    return [line["stage"] for line in job.log]


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_job_logs_what_its_worker_did(cubes: Dataset, make_episode: MakeEpisode, olga: Client) -> None:
    episode = make_episode(cameras=(FRONT, TOP))
    operation = begin(cubes)
    first, second = Job.objects.order_by("id")
    run_job(first.pk)
    assert stages(first) == ["started", "encoding", "encoded"]
    assert "8 frames at 30 fps to h264" in first.log[1]["text"]
    assert stages(second) == []
    log = text_of(olga, f"/operations/{operation.pk}/log/{episode.pk}/")
    assert "8 frames at 30 fps to h264" in log
    assert "No worker has begun yet" in log


def test_a_second_attempt_says_that_it_reused_the_video(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    begin(cubes)
    job = Job.objects.get()
    run_job(job.pk)
    Job.objects.update(state="queued", token="", lease_until=None)
    run_job(job.pk)
    assert stages(job) == ["started", "encoding", "encoded", "started", "reused", "encoded"]


def test_a_lost_worker_stands_in_the_log(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    begin(cubes)
    job = claim_job(Job.objects.get().pk)
    assert job is not None
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    requeue_stale_jobs(timezone.now())
    assert stages(job) == ["started", "worker lost"]


def test_a_log_is_bounded() -> None:
    log: list[dict[str, str]] = []
    for number in range(MOST_LINES + 5):
        log = with_line(log, Stage.WAITING, f"{number} " + "x" * 2 * MOST_CHARACTERS)
    assert len(log) == MOST_LINES
    assert log[0]["text"].startswith("5 ")
    assert max(len(line["text"]) for line in log) == MOST_CHARACTERS


def test_an_episode_says_where_it_is(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    operation = begin(cubes)

    def stage() -> str:
        return encoding_progress(operation).episodes[0].stage

    assert stage() == "waits for a worker"
    claim_job(Job.objects.get().pk)
    assert stage() == "encoding front"
    Job.objects.update(frames_done=8)
    assert stage() == "checking front"
    Job.objects.update(state="queued", token="", frames_done=0)
    assert stage() == "tries again soon"
    run_job(Job.objects.get().pk)
    operation.refresh_from_db()
    assert stage() == "waits to be added"
    claim_operation(operation.pk)
    operation.refresh_from_db()
    assert stage() == "being added to the dataset"
    Operation.objects.update(token="")
    work(operation)
    assert stage() == "episode 0"


@pytest.mark.django_db(transaction=True)
def test_a_batch_keeps_its_duration_and_sizes(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode, olga: Client
) -> None:
    raw = sum(make_episode(ticks).size_bytes for ticks in (8, 6))
    operation = work(begin(cubes))
    videos = sum(Episode.objects.values_list("size_bytes", flat=True))
    assert (operation.result["raw_bytes"], operation.result["video_bytes"]) == (raw, videos)
    page = text_of(olga, "/operations/")
    assert "14 frames · " in page
    assert "of raw frames became" in page
    assert "took " in page
    said = olga.get(f"/api/operations/{operation.pk}").json()["said"]
    assert said.startswith("Cubes has 2 more episodes: ")


def test_what_failed_can_be_opened_tried_again_or_left_out(
    cubes: Dataset, make_episode: MakeEpisode, olga: Client
) -> None:
    broken = make_episode()
    Episode.objects.filter(pk=broken.pk).update(task=" ")
    operation = begin(cubes)
    run_job(Job.objects.get().pk)
    page = text_of(olga, "/operations/")
    assert "describe what the robot does, then encode again" in page, "the error has its remedy"
    assert f'href="/episodes/{broken.pk}/">Open the episode' in page
    assert f"POST /api/operations/{operation.pk}/retry" in page
    assert "It has no task" in text_of(olga, f"/operations/{operation.pk}/log/{broken.pk}/")
    answer = olga.patch(f"/api/episodes/{broken.pk}", {"verdict": "reject"}, content_type="application/json")
    assert answer.status_code == 200
    page = text_of(olga, f"/operations/{operation.pk}/?opened")
    assert "left out" in page
    assert "/retry" not in page
    assert "Leave it out" not in page
    said = olga.get(f"/api/operations/{operation.pk}").json()["said"]
    assert said.startswith("A batch of Cubes failed: 1 of 1 episodes failed and were left out."), "without the reasons"
    assert len(said) < 100


def test_a_worker_that_renews_nothing_is_lost_until_it_does(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    operation = begin(cubes)
    claim_job(Job.objects.get().pk)
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


def test_work_that_nobody_takes_is_noticed_while_nobody_works(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode(cameras=(FRONT, TOP))
    operation = begin(cubes)
    watch = WorkerWatch()
    assert watch.look(0.0) == set()
    assert watch.look(NOBODY_AFTER_S) == {operation.pk}
    assert watch.is_unclaimed(operation.pk)
    claim_job(Job.objects.order_by("id")[0].pk)
    assert watch.look(NOBODY_AFTER_S + 1) == {operation.pk}
    assert not watch.is_unclaimed(operation.pk), "the other camera will have its turn"


def test_a_page_is_told_of_a_lost_worker_and_shows_it(
    cubes: Dataset, make_episode: MakeEpisode, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_episode()
    operation = begin(cubes)
    claim_job(Job.objects.get().pk)
    worker_watch.forget()
    assert change_feed._with_workers([]) == []
    later = time.monotonic() + SILENT_AFTER_S
    look = worker_watch.look
    monkeypatch.setattr(worker_watch, "look", lambda: look(later))
    (moved,) = change_feed._with_workers([]) or []
    assert (moved["kind"], moved["id"], moved["operation_type"]) == ("operation", str(operation.pk), "encode")
    page = text_of(olga, f"/operations/{operation.pk}/")
    assert "Worker lost" in page
    assert "finished videos are kept" in page
    Job.objects.update(lease_until=timezone.now())
    change_feed._with_workers([])
    assert "Worker lost" not in text_of(olga, f"/operations/{operation.pk}/")
    worker_watch.forget()


def test_a_long_batch_shows_what_needs_somebody_first(
    cubes: Dataset, make_episode: MakeEpisode, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.views.operations.EPISODES_SHOWN", 1)
    late, broken = make_episode(), make_episode()
    operation = begin(cubes)
    Job.objects.filter(episode=broken).update(state="failed", error="torn")
    page = text_of(olga, f"/operations/{operation.pk}/?opened")
    assert str(broken.pk) in page
    assert str(late.pk) not in page
    assert "Show 1 more" in page
    assert str(late.pk) in text_of(olga, f"/operations/{operation.pk}/episodes/")
