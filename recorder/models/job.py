"""Batches and jobs: the rows are the queue, Celery's messages only ring the bell."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from recorder.models.dataset import Dataset
from recorder.models.episode import Episode
from recorder.models.states import BatchKind, BatchState, JobState
from recorder.text import format_time


def lease_expired(now: datetime, name: str = "lease_until") -> models.Q:
    """A lease that ran out; or one further away than any that is given: the wall clock was set back since."""
    furthest = now + timedelta(seconds=settings.JOB_LEASE_S, minutes=10)
    return models.Q((f"{name}__lt", now)) | models.Q((f"{name}__gt", furthest))


class BatchQuerySet(models.QuerySet["Batch"]):
    def open(self) -> BatchQuerySet:
        return self.filter(state__in=[BatchState.QUEUED, BatchState.ENCODING, BatchState.COMMITTING])


class Batch(models.Model):
    """Episodes encoded and committed together: the dataset gains all of them at once, or none.

    Of another kind, it has no jobs: it changes committed episodes, or goes back to an earlier state.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="batches")
    kind = models.CharField(max_length=12, choices=BatchKind, default=BatchKind.ENCODE)
    about = models.JSONField(default=dict, blank=True)  # of another kind: which episodes, or which revision
    steps_done = models.PositiveSmallIntegerField(default=0)
    steps_total = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=12, choices=BatchState, default=BatchState.QUEUED)
    reason = models.CharField(max_length=80, blank=True)  # by hand, every 5 takes, end of session
    started_by = models.CharField(max_length=150, blank=True)
    encoding = models.JSONField(default=dict, blank=True)  # the dataset's, as it was when the batch began
    error = models.TextField(blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)  # of the commit
    token = models.CharField(max_length=32, blank=True)  # of the committing worker
    lease_until = models.DateTimeField(null=True, blank=True)  # without a token: not to be tried before
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"],
                condition=models.Q(kind__in=[BatchKind.EDIT, BatchKind.REVERT], state=BatchState.COMMITTING),
                name="one_change_of_a_dataset_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"batch {str(self.pk)[:8]} of {self.dataset}"

    @property
    def can_cancel(self) -> bool:
        """Nothing of it is being written: before its commit, and while that waits for a worker."""
        if self.state == BatchState.COMMITTING:
            return not self.token
        return self.state in {BatchState.QUEUED, BatchState.ENCODING}


class JobQuerySet(models.QuerySet["Job"]):
    def waiting(self) -> JobQuerySet:
        return self.filter(state=JobState.QUEUED).order_by("id")

    def stale(self, now: datetime) -> JobQuerySet:
        """Running by the row, though nobody has renewed the lease."""
        return self.filter(lease_expired(now), state=JobState.RUNNING)


class Job(models.Model):
    """Encode one camera of one episode. Claimed by conditional UPDATE, held by a lease, fenced by a token."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="jobs")
    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="jobs")
    camera = models.CharField(max_length=200, blank=True)  # empty: a take without cameras, only looked at
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)  # while queued: not to be rung again before
    attempt = models.PositiveSmallIntegerField(default=0)
    frames_done = models.PositiveIntegerField(default=0)
    frames_total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    cancel = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["batch", "episode", "camera"], name="one_job_per_camera")]
        indexes = [models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return f"{self.camera} of {self.episode_id}"


def encoding_since(episode: Episode) -> str:
    """Say since when and by whom the episode is being encoded."""
    batch = Batch.objects.open().filter(jobs__episode=episode).order_by("-created_at").first()
    if batch is None:
        return "is being encoded"
    by = f" by {batch.started_by}" if batch.started_by else ""
    return f"is being encoded since {format_time(batch.created_at)}{by}"
