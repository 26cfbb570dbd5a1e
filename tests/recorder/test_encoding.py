from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs import leases
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import cancel_operation, retry_operation
from recorder.models import Dataset, Episode, Job
from recorder.worker import encode as encoding
from recorder.worker import sweep
from robotdata.video import EncodeError, open_video
from robotdata.video.barcode import read
from tests.recorder.conftest import FRONT, TOP, codes, work

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]
OLD = "2020-01-01T00:00:00Z"


def staged(episode: Episode, settings: Any) -> list[Path]:
    return sorted((settings.STAGING_DIR / str(episode.pk)).glob("*.mp4"))


def the_job() -> Job:
    return Job.objects.select_related("episode", "operation").get()


def encode(make_episode: MakeEpisode, cubes: Dataset, **take: Any) -> Job:
    make_episode(**take)
    start_encoding(dataset=cubes, actor=Actor("olga"))
    encoding.run_job(the_job().pk)
    return the_job()


def test_it_encodes_every_frame_in_its_place(cubes: Dataset, make_episode: MakeEpisode, settings: Any) -> None:
    job = encode(make_episode, cubes, ticks=12)
    assert (job.state, job.frames_done, job.frames_total, job.attempt, job.error) == ("done", 12, 12, 1, "")
    (path,) = staged(job.episode, settings)
    with open_video(path) as video:
        assert [read(video.frame(n)).tick for n in range(video.count)] == list(range(12))


def test_it_exports_what_the_trim_keeps(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode(ticks=20)
    Episode.objects.filter(pk=episode.pk).update(trim_first=4, trim_end=9)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert list(codes(cubes)) == [[(tick, 1) for tick in range(4, 9)]]


def test_it_trims_in_ticks_though_a_camera_came_late(cubes: Dataset, make_episode: MakeEpisode) -> None:
    whole, trimmed = make_episode(ticks=12, first_frame=3), make_episode(ticks=12, first_frame=3)
    Episode.objects.filter(pk=trimmed.pk).update(trim_first=5, trim_end=9)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert list(codes(cubes)) == [[(tick, 1) for tick in range(3, 12)], [(tick, 2) for tick in range(5, 9)]]
    assert whole.ticks == 12


def test_it_does_nothing_the_second_time(cubes: Dataset, make_episode: MakeEpisode) -> None:
    job = encode(make_episode, cubes)
    assert not encoding.run_job(job.pk) and not encoding.run_job(job.pk + 1)
    assert the_job().attempt == 1


def test_it_gives_each_job_to_one_of_two_workers(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode(cameras=())
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    Job.objects.bulk_create(Job(operation=operation, episode=episode, camera=f"c{n}") for n in range(60))
    jobs = list(Job.objects.values_list("pk", flat=True))
    barrier, claimed = threading.Barrier(4), []

    def worker() -> None:
        barrier.wait()
        claimed.extend(pk for pk in jobs if encoding.claim_job(pk) is not None)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(jobs)
    assert set(Job.objects.values_list("attempt", flat=True)) == {1}


@pytest.mark.parametrize("ended", ["well", "badly"])
def test_it_writes_nothing_after_its_lease_went_to_another(
    cubes: Dataset,
    make_episode: MakeEpisode,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ended: str,
) -> None:
    real = encoding.encode_camera
    caplog.set_level("INFO", "recorder.worker.encode")

    def slow(*args: Any, **more: Any) -> Any:
        made = real(*args, **more)
        Job.objects.update(lease_until=OLD)
        sweep.requeue_stale_jobs(timezone.now())
        assert (other := encoding.claim_job(the_job().pk)) is not None
        tokens.append(other.token)
        if ended == "badly":
            raise FileNotFoundError("the other has cleared it away")
        return made

    tokens: list[str] = []
    monkeypatch.setattr(encoding, "encode_camera", slow)
    job = encode(make_episode, cubes)
    assert (job.state, job.token, job.error) == ("running", tokens[0], "")
    assert "or given to another worker" in caplog.text and "Traceback" not in caplog.text


def test_it_stops_soon_when_its_batch_is_cancelled(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(leases, "PERIOD_S", 0.02)
    real = encoding.encode_camera

    def cancelled(*args: Any, progress: Any, **more: Any) -> Any:
        def step(frames: int) -> None:
            cancel_operation(operation=operation, actor=Actor("olga")) if operation.state != "cancelled" else None
            time.sleep(0.1)
            progress(frames)

        return real(*args, progress=step, **more)

    monkeypatch.setattr(encoding, "encode_camera", cancelled)
    episode = make_episode(ticks=60)
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encoding.run_job(the_job().pk)
    episode.refresh_from_db()
    assert (the_job().state, episode.state) == ("cancelled", "recorded")
    assert list((settings.STAGING_DIR / str(episode.pk)).iterdir()) == []


def test_it_renews_its_lease_and_tells_its_progress(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "PERIOD_S", 0.02)
    seen = []

    def slow(*_: Any, progress: Any, **__: Any) -> None:
        before = the_job()
        progress(5)
        while the_job().frames_done != 5:
            time.sleep(0.01)
        seen.append((before.lease_until, the_job().lease_until))

    monkeypatch.setattr(encoding, "encode_camera", slow)
    encode(make_episode, cubes)
    assert seen[0][1] > seen[0][0]


def test_it_uses_again_what_a_cancelled_batch_had_encoded(
    cubes: Dataset, make_episode: MakeEpisode, settings: Any
) -> None:
    episode = make_episode(cameras=(FRONT, TOP))
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    first = Job.objects.filter(camera=FRONT).get()
    encoding.run_job(first.pk)
    (path,) = staged(episode, settings)
    before = path.stat()
    cancel_operation(operation=operation, actor=Actor("olga"))
    again = start_encoding(dataset=cubes, actor=Actor("olga"))
    encoding.run_job(Job.objects.get(operation=again, camera=FRONT).pk)
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_it_encodes_anew_with_other_settings(cubes: Dataset, make_episode: MakeEpisode, settings: Any) -> None:
    job = encode(make_episode, cubes)
    cancel_or_fail = Job.objects.filter(pk=job.pk)
    cancel_or_fail.update(state="queued")
    job.operation.arguments["encoding"]["crf"] = 40
    job.operation.save()
    encoding.run_job(job.pk)
    assert len(staged(job.episode, settings)) == 2


def test_it_fails_a_damaged_take_alone(cubes: Dataset, make_episode: MakeEpisode) -> None:
    good, bad = make_episode(), make_episode()
    video = bad.take_path / f"{FRONT}.mkv"
    data = bytearray(video.read_bytes())
    data[len(data) // 2] ^= 0xFF
    video.write_bytes(data)
    operation = work(start_encoding(dataset=cubes, actor=Actor("olga")))
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.state, bad.state) == ("encoded", "failed")
    assert "is damaged" in bad.error and "Trim" in bad.error
    assert operation.state == "done" and "1 of 2 episodes failed" in operation.error
    assert bad.take_path.is_dir() and list(codes(cubes)) == [[(t, 1) for t in range(8)]]


@pytest.mark.parametrize(
    ("take", "words"),
    [
        ({"values": lambda t: [np.nan if t == 3 else t, 0]}, "NaN in 1 frame, first in frame 3"),
        ({"task": "  "}, "It has no task"),
        ({"rate": 20}, "label it 'rate accepted' to accept it"),
        ({"features": {"observation.force": {"dtype": "float32", "shape": [2], "names": None}}}, "observation.force"),
    ],
)
def test_it_refuses_before_encoding_what_would_not_fit(
    cubes: Dataset, make_episode: MakeEpisode, take: dict[str, Any], words: str
) -> None:
    make_episode(verdict="unreviewed")  # says what fits
    make_episode(**take)
    operation = work(start_encoding(dataset=cubes, actor=Actor("olga")))
    job = the_job()
    assert (job.state, job.attempt, operation.state) == ("failed", 1, "failed")
    assert words in job.error and words in job.episode.error and words in operation.error
    assert not job.episode.error.startswith("Camera "), "it is about the whole take"


def test_it_exports_a_slow_loop_that_a_person_accepts(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode(rate=20)
    Episode.objects.filter(pk=episode.pk).update(labels=[encoding.ACCEPT_RATE])
    assert work(start_encoding(dataset=cubes, actor=Actor("olga"))).state == "done"


def test_it_tries_three_times_then_fails_and_can_be_tried_again(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise EncodeError("libx264 fails at frame 3: out of luck")

    monkeypatch.setattr(encoding, "encode_camera", fail)
    episode = make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    for attempt in (1, 2, 3):
        assert the_job().state == "queued"
        encoding.run_job(the_job().pk)
        assert the_job().attempt == attempt and "out of luck" in the_job().error
    episode.refresh_from_db()
    operation.refresh_from_db()
    assert (the_job().state, episode.state, operation.state) == ("failed", "failed", "failed")
    assert episode.error == "Camera front: libx264 fails at frame 3: out of luck (tried 3 times)"
    monkeypatch.undo()
    assert work(retry_operation(operation=operation, actor=Actor("olga"))).state == "done"
    episode.refresh_from_db()
    assert (episode.state, episode.error) == ("encoded", "")


def test_it_waits_for_space_without_losing_a_try(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:  # as an encoder says it
            raise EncodeError("h264 fails at frame 4") from error

    monkeypatch.setattr(encoding, "encode_camera", full)
    job = encode(make_episode, cubes)
    for _ in range(4):
        encoding.run_job(job.pk)
    job = the_job()
    assert (job.state, job.attempt) == ("queued", 0) and "free some space" in job.error
    assert job.lease_until is not None and job.lease_until > timezone.now()
    monkeypatch.undo()
    encoding.run_job(job.pk)
    assert the_job().state == "done"


def test_it_fails_with_the_reason_when_the_folder_is_gone(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    episode.take_path.rename(episode.take_path.with_name("elsewhere"))
    work(operation)
    episode.refresh_from_db()
    assert episode.state == "failed" and "there is no take in" in episode.error


def test_it_commits_takes_without_cameras(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode(cameras=())
    assert work(start_encoding(dataset=cubes, actor=Actor("olga"))).state == "done"
    cubes.refresh_from_db()
    assert (cubes.total_episodes, cubes.total_frames) == (1, 8)


def test_it_says_that_an_encoder_hangs(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "PERIOD_S", 0.01)
    monkeypatch.setattr(encoding, "_STALL_S", 0.05)
    monkeypatch.setattr(encoding, "_SLOWEST_FPS", 1000.0)
    left = threading.Event()

    def hang(*_: Any, progress: Any, **__: Any) -> None:
        progress(3)
        assert left.wait(10)
        progress(4)

    monkeypatch.setattr(encoding, "encode_camera", hang)
    make_episode()
    start_encoding(dataset=cubes, actor=Actor("olga"))
    encoding.run_job(the_job().pk, on_stall=lambda _: left.set())
    assert the_job().state == "queued" and "encoder stalled" in the_job().error and "frame 3" in the_job().error
