"""F28: no space for encoded videos, or for the dataset, while the spool has room: it waits, and goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from recorder import committing, encoding
from recorder.models import Batch, Dataset, Episode, Job
from recorder.services.batches import start_batch
from tests.faults.conftest import SmallDisk

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def batch(transactional_db: None, cubes: Dataset, make_episode: Callable[..., Episode]) -> Batch:
    make_episode(ticks=40)
    return start_batch(dataset=cubes, who="olga")


def test_it_waits_for_space_for_the_encoded_video(
    batch: Batch, small_disk: Callable[[str], SmallDisk], settings: Any
) -> None:
    disk = small_disk("1m")
    settings.STAGING_DIR = disk.path / "staging"
    filler = disk.fill()
    encoding.run_job(Job.objects.get().pk)
    job = Job.objects.get()
    assert (job.state, job.attempt) == ("queued", 0) and job.lease_until is not None
    assert f"No space for encoded videos in {settings.STAGING_DIR}" in job.error
    assert [path for path in disk.path.rglob("*") if path.is_file()] == [filler], "half a video is left"
    filler.unlink()
    encoding.run_job(job.pk)
    committing.commit_batch(batch.pk)
    assert Episode.objects.get().state == "encoded"


def test_it_waits_for_space_for_the_dataset(
    batch: Batch, small_disk: Callable[[str], SmallDisk], settings: Any
) -> None:
    disk = small_disk("32k")
    settings.DATASETS_DIR = disk.path
    encoding.run_job(Job.objects.get().pk)
    committing.commit_batch(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.attempt) == ("committing", 0) and "No space for the dataset" in batch.error
    assert Episode.objects.get().take_path.is_dir() and not (disk.path / "cubes").exists()
    disk.again("size=32m")
    Batch.objects.update(lease_until=None)
    committing.commit_batch(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.error) == ("done", "") and Episode.objects.get().state == "encoded"
