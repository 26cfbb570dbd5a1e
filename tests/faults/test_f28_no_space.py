"""F28: There is no space for encoded videos or for the dataset, while the spool has room: the job waits and resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import retry_operation
from recorder.models import Dataset, Episode, Job, Operation
from recorder.worker import encode, run
from tests.faults.conftest import SmallDisk
from tests.support.worker_home import NEXT_BATCH, Home

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def home_with_staging_on_a_small_disk(tmp_path: Path, small_disk: Callable[[str], SmallDisk]) -> Iterator[Home]:
    disk = small_disk("1m")
    made = Home(tmp_path / "home")
    made.python("manage.py", "migrate", "-v0")
    (made.path / "staging").symlink_to(disk.path)
    yield made
    made.kill_worker()


def test_a_real_worker_waits_and_goes_on_by_itself(home_with_staging_on_a_small_disk: Home, tmp_path: Path) -> None:
    home, disk = home_with_staging_on_a_small_disk, SmallDisk(tmp_path / "disk")
    filler = disk.fill()
    home.python("-c", NEXT_BATCH)
    home.start_worker()
    waiting = "select count(*) from recorder_job where state = 'queued' and attempt = 0 and error like 'No space for%'"
    home.wait(lambda: home.rows(waiting) == [(4,)])
    ((words,),) = home.rows("select distinct error from recorder_job")
    assert str(home.path / "staging") in words and "free some space" in words
    assert home.rows("select distinct state from recorder_episode") == [("encoding",)]
    filler.unlink()
    home.wait(lambda: home.rows("select state from recorder_operation") == [("done",)] * 2)
    assert home.rows("select distinct error from recorder_job") == [("",)]
    assert home.rows("select distinct attempt from recorder_job") == [(1,)], "waiting is not a failed try"
    for slug, frames in (("cubes", 9), ("cups", 27)):
        assert f"{frames} frames: nothing wrong" in home.python("manage.py", "verify", slug, "--deep")


@pytest.fixture
def operation(transactional_db: None, cubes: Dataset, make_episode: Callable[..., Episode]) -> Operation:
    make_episode(ticks=40)
    return start_encoding(dataset=cubes, actor=Actor("olga"))


def test_it_waits_for_space_for_the_encoded_video(
    operation: Operation, small_disk: Callable[[str], SmallDisk], settings: Any
) -> None:
    disk = small_disk("1m")
    settings.STAGING_DIR = disk.path / "staging"
    filler = disk.fill()
    encode.run_job(Job.objects.get().pk)
    job = Job.objects.get()
    assert (job.state, job.attempt) == ("queued", 0) and job.lease_until is not None
    assert f"No space for encoded videos in {settings.STAGING_DIR}" in job.error
    assert [path for path in disk.path.rglob("*") if path.is_file()] == [filler], "half a video is left"
    filler.unlink()
    encode.run_job(job.pk)
    run.run_operation(operation.pk)
    assert Episode.objects.get().state == "encoded"


def test_it_waits_for_space_for_the_dataset(
    operation: Operation, small_disk: Callable[[str], SmallDisk], settings: Any
) -> None:
    disk = small_disk("32k")
    settings.DATASETS_DIR = disk.path
    encode.run_job(Job.objects.get().pk)
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.attempt) == ("running", 0) and "No space for the dataset" in operation.error
    assert Episode.objects.get().take_path.is_dir() and not (disk.path / "cubes").exists()
    disk.again("size=32m")
    Operation.objects.update(lease_until=None)
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.error) == ("done", "") and Episode.objects.get().state == "encoded"


def test_it_says_that_the_dataset_may_not_be_written_to_and_finds_what_is_there(
    operation: Operation, small_disk: Callable[[str], SmallDisk], settings: Any
) -> None:
    disk = small_disk("32m")
    settings.DATASETS_DIR = disk.path
    encode.run_job(Job.objects.get().pk)
    disk.again("ro")
    for _ in range(settings.JOB_ATTEMPTS):
        run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed" and "Read-only file system" in operation.error
    assert str(disk.path / "cubes") in operation.error and "Check the disk" in operation.error
    assert Episode.objects.get().state == "failed" and Episode.objects.get().take_path.is_dir()
    disk.again("rw")
    retry_operation(operation=operation, actor=Actor("olga"))
    encode.run_job(Job.objects.get().pk)
    run.run_operation(operation.pk)
    assert Episode.objects.get().state == "encoded"
