"""The page Encoding: each episode with stage, speed and log; what a batch made; failures."""

from __future__ import annotations

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
