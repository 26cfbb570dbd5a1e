"""Jobs: one camera of one episode to encode. The rows are the queue; Celery's messages only wake the workers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from recorder.models.episode import Episode
from recorder.models.operation import Operation
from recorder.models.states import JobState
from recorder.text import format_time


def lease_expired(now: datetime, name: str = "lease_until") -> models.Q:
    """Return the condition for an expired lease.

    A lease further ahead than any that is given counts as expired, because the wall clock was set back.
    """
    latest_valid = now + timedelta(seconds=settings.JOB_LEASE_S, minutes=10)
    return models.Q((f"{name}__lt", now)) | models.Q((f"{name}__gt", latest_valid))


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs by their state."""

    def waiting(self) -> JobQuerySet:
        """Return queued jobs, the oldest first."""
        return self.filter(state=JobState.QUEUED).order_by("id")

    def stale(self, now: datetime) -> JobQuerySet:
        """Return running jobs whose lease has expired."""
        return self.filter(lease_expired(now), state=JobState.RUNNING)


class Job(models.Model):
    """Encode one camera of one episode. Claimed by conditional UPDATE, held by a lease, fenced by a token."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="jobs")
    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="jobs")
    camera = models.CharField(max_length=200, blank=True)  # empty: a take without cameras, only checked
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)  # while queued: do not send the message again before this
    attempt = models.PositiveSmallIntegerField(default=0)
    frames_done = models.PositiveIntegerField(default=0)
    frames_total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    log = models.JSONField(default=list, blank=True)  # what its workers did: see recorder.jobs.job_log
    cancel = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["operation", "episode", "camera"], name="one_job_per_camera")]
        indexes = [models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return f"{self.camera} of {self.episode_id}"


def encoding_since(episode: Episode) -> str:
    """Return since when and by whom the episode is being encoded, as the end of a sentence."""
    operation = Operation.objects.open().filter(jobs__episode=episode).order_by("-created_at").first()
    if operation is None:
        return "is being encoded"
    by = f" by {operation.started_by}" if operation.started_by else ""
    return f"is being encoded since {format_time(operation.created_at)}{by}"
