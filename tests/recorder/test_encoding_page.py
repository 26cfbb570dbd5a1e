"""The page Encoding: each episode with stage, speed and log; what a batch made; failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.jobs.job_log import MOST_CHARACTERS, MOST_LINES, Stage, with_line
from recorder.jobs.progress import encoding_progress
from recorder.jobs.totals import BatchTotals, totals_of
from recorder.models import Dataset, Episode, Job, Operation
from recorder.worker.encode import claim_job, run_job
from recorder.worker.run import claim_operation
from recorder.worker.sweep import requeue_stale_jobs
from tests.recorder.conftest import FRONT, TOP, work

MakeEpisode = Callable[..., Episode]


def begin(cubes: Dataset) -> Operation:
    return start_encoding(dataset=cubes, actor=Actor("olga"))


def stages(job: Job) -> list[str]:
    job.refresh_from_db()
    return [line["stage"] for line in job.log]


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_job_logs_what_its_worker_did(cubes: Dataset, make_episode: MakeEpisode, administrator: Client) -> None:
    episode = make_episode(cameras=(FRONT, TOP))
    operation = begin(cubes)
    first, second = Job.objects.order_by("id")
    run_job(first.pk)
    assert stages(first) == ["started", "encoding", "encoded"]
    assert "8 frames at 30 fps to h264" in first.log[1]["text"]
    assert stages(second) == []
    log = text_of(administrator, f"/operations/{operation.pk}/log/{episode.pk}/")
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
    assert stage() == "in the dataset, episode 0"


@pytest.mark.django_db(transaction=True)
def test_a_batch_keeps_its_duration_and_sizes(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode, administrator: Client
) -> None:
    raw = sum(make_episode(ticks).size_bytes for ticks in (8, 6))
    operation = work(begin(cubes))
    videos = sum(Episode.objects.values_list("size_bytes", flat=True))
    assert (operation.result["raw_bytes"], operation.result["video_bytes"]) == (raw, videos)
    page = text_of(administrator, "/operations/")
    assert "14 frames · " in page
    assert "of raw frames became" in page
    assert "took " in page
    said = administrator.get(f"/api/operations/{operation.pk}").json()["said"]
    assert said.startswith("Cubes has 2 more episodes: ")


def test_a_batch_without_some_of_its_episodes_is_called_partly_done(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client
) -> None:
    make_episode()
    broken = make_episode()
    Episode.objects.filter(pk=broken.pk).update(task=" ")
    assert work(begin(cubes)).state == "done"
    page = text_of(administrator, "/operations/")
    assert '<span class="chip tone-warn"><span class="dot"></span>partly done</span>' in page
    assert "1 of 2 episodes failed and were left out." in page
    assert f'href="/datasets/{cubes.slug}/use/"' in page
    assert f'href="/episodes/{broken.pk}/">Open the episode' in page, "and there one sees why"
    Episode.objects.filter(pk=broken.pk).update(task="Stack", state="recorded")
    assert work(begin(cubes)).state == "done"
    assert text_of(administrator, "/operations/").count("partly done") == 1, "the batch after it is whole"


def test_what_failed_can_be_opened_tried_again_or_left_out(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client
) -> None:
    broken = make_episode()
    Episode.objects.filter(pk=broken.pk).update(task=" ")
    operation = begin(cubes)
    run_job(Job.objects.get().pk)
    page = text_of(administrator, "/operations/")
    assert "describe what the robot does, then encode again" in page, "the error has its remedy"
    assert f'href="/episodes/{broken.pk}/">Open the episode' in page
    assert f"POST /api/operations/{operation.pk}/retry" in page
    assert "It has no task" in text_of(administrator, f"/operations/{operation.pk}/log/{broken.pk}/")
    answer = administrator.patch(f"/api/episodes/{broken.pk}", {"verdict": "reject"}, content_type="application/json")
    assert answer.status_code == 200
    page = text_of(administrator, f"/operations/{operation.pk}/?opened")
    assert "left out" in page
    assert "/retry" not in page
    assert "Leave it out" not in page
    said = administrator.get(f"/api/operations/{operation.pk}").json()["said"]
    assert said.startswith("A batch of Cubes failed: 1 of 1 episodes failed and were left out."), "without the reasons"
    assert len(said) < 100


def test_a_long_batch_shows_what_needs_somebody_first(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.views.operations.EPISODES_SHOWN", 1)
    late, broken = make_episode(), make_episode()
    operation = begin(cubes)
    Job.objects.filter(episode=broken).update(state="failed", error="torn")
    page = text_of(administrator, f"/operations/{operation.pk}/?opened")
    assert str(broken.pk) in page
    assert str(late.pk) not in page
    assert "Show 1 more" in page
    assert str(late.pk) in text_of(administrator, f"/operations/{operation.pk}/episodes/")


def test_what_show_more_opened_stays_open(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.views.operations.EPISODES_SHOWN", 1)
    episodes = [make_episode(), make_episode()]
    operation = begin(cubes)
    place = f"/operations/{operation.pk}/?opened"
    button = re.compile(f'<button[^>]* id="more-{operation.pk}" hx-get="([^"]+)"[^>]*>([^<]+)<')

    def shown(page: str) -> set[Episode]:
        return {episode for episode in episodes if f"/episodes/{episode.pk}/" in page}

    page = text_of(administrator, place)
    assert len(shown(page)) == 1
    assert button.findall(page) == [(f"{place}=all", "Show 1 more")]
    page = text_of(administrator, f"{place}=all")
    assert shown(page) == set(episodes)
    article = re.search("<article[^>]*>", page)
    assert article is not None and f'hx-get="{place}=all"' in article.group(), "it fetches itself again as it is"
    assert button.findall(page) == [(place, "Show fewer")], "the focus finds a button with the same name"
    lists = text_of(administrator, f"/operations/?all={operation.pk}")
    assert shown(lists) == set(episodes), "so does the whole list, when another batch begins or ends"
    assert f'<input type="hidden" name="all" value="{operation.pk}">' in lists
    assert len(shown(text_of(administrator, "/operations/"))) == 1


def test_totals_are_the_sums_of_the_jobs(cubes: Dataset, make_episode: MakeEpisode) -> None:
    for _ in range(3):
        make_episode(cameras=(FRONT, TOP))
    operation = begin(cubes)
    names = [field.name for field in fields(BatchTotals)]
    jobs = list(Job.objects.order_by("id"))
    began = timezone.now() - timedelta(seconds=100)

    def check() -> BatchTotals:
        operation.refresh_from_db()
        totals, progress = totals_of([operation])[operation.pk], encoding_progress(operation)
        for name in names:
            expected = getattr(progress, name)
            runs_on = name in {"fps", "seconds_left"} and expected is not None  # counted up to now, which is later
            assert getattr(totals, name) == (pytest.approx(expected, rel=0.5) if runs_on else expected), name
        return totals

    assert check().episode_count == 3
    Job.objects.filter(pk=jobs[0].pk).update(
        state="done", frames_done=8, started_at=began, finished_at=began + timedelta(seconds=9)
    )
    Job.objects.filter(pk=jobs[1].pk).update(state="running", frames_done=4, started_at=began)
    assert check().seconds_left
    Job.objects.filter(pk=jobs[2].pk).update(state="failed")
    Job.objects.filter(pk=jobs[3].pk).update(state="cancelled", frames_done=2)
    Episode.objects.filter(pk=jobs[2].episode_id).update(state="failed")
    assert check().retryable == 1
    Episode.objects.filter(pk=jobs[2].episode_id).update(verdict="reject")
    assert check().retryable == 0
    Operation.objects.update(state="failed")
    assert not check().all_left_out
    Episode.objects.update(verdict="reject")
    assert check().all_left_out
    Job.objects.update(state="cancelled")
    assert check().frames_done == 14
    assert totals_of([Operation(dataset=cubes, type="edit")]).popitem()[1] == BatchTotals()


@pytest.mark.parametrize("page", ["/operations/", "/datasets/cubes/past/", "/datasets/cubes/history/"])
def test_ended_batches_are_counted_and_not_loaded(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client, page: str
) -> None:
    episodes = [make_episode(), make_episode()]

    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            text_of(administrator, page)
        return [query["sql"] for query in queries]

    def ended(count: int) -> None:
        for _ in range(count):
            operation = Operation.objects.create(dataset=cubes, type="encode", state="done", finished_at=timezone.now())
            Job.objects.bulk_create([Job(operation=operation, episode=one, state="done") for one in episodes])

    ended(2)
    few = asked()
    ended(5)
    many = asked()
    assert len(many) == len(few)
    assert not [sql for sql in many if "recorder_job" in sql and "COUNT" not in sql], "no job is loaded"
    assert "2 episodes" in text_of(administrator, page)


def test_the_past_is_told_of_beginnings_and_ends_and_not_of_progress(cubes: Dataset, administrator: Client) -> None:
    part = text_of(administrator, "/datasets/cubes/past/")
    assert re.findall('data-live="([^"]*)"', part) == ["past:cubes"]


def test_a_line_keeps_its_place_while_states_change(
    cubes: Dataset, make_episode: MakeEpisode, administrator: Client
) -> None:
    ids = [make_episode(number).pk for number in (1, 2, 3)]
    operation = begin(cubes)

    def lines() -> list[str]:
        page = administrator.get(f"/operations/{operation.pk}/?opened").content.decode()
        return re.findall(r'id="log-[0-9a-f-]{36}-([0-9a-f-]+)"', page)

    before = lines()
    assert {*map(str, ids)} == {*before}
    for position, state in ((2, "running"), (0, "done"), (1, "failed")):
        Job.objects.filter(episode_id=before[position]).update(state=state)
    assert lines() == before
