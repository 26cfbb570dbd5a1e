"""Operations: rows that describe a change of a dataset, its progress, and the worker that runs it."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from recorder.models.dataset import Dataset
from recorder.models.states import BESIDE, REVISING, STOPPABLE, OperationState, OperationType

_OPEN_STATES = (OperationState.QUEUED, OperationState.ENCODING, OperationState.RUNNING)


class OperationQuerySet(models.QuerySet["Operation"]):
    """Operations by their state."""

    def open(self) -> OperationQuerySet:
        """Return operations that have not ended or failed."""
        return self.filter(state__in=_OPEN_STATES)

    def changing(self) -> OperationQuerySet:
        """Return operations that change their dataset now, or wait to."""
        return self.filter(state=OperationState.RUNNING).exclude(type__in=BESIDE)

    def ended(self) -> OperationQuerySet:
        """Return operations that have ended or failed."""
        return self.exclude(state__in=_OPEN_STATES)


class Operation(models.Model):
    """A change of a dataset that a worker makes: all of it becomes the dataset's next revision, or nothing does.

    `type` is the kind of change: `recorder.jobs.operation_types` describes the types, `recorder.worker.run` runs them.
    Encoding is prepared by jobs, one for each camera of each episode. `arguments` is the request and never changes;
    `result` is what the run reports.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="operations")
    type = models.CharField(max_length=12, choices=OperationType)
    arguments = models.JSONField(default=dict, blank=True)  # by type: see the functions in recorder.jobs
    result = models.JSONField(default=dict, blank=True)
    steps_done = models.PositiveSmallIntegerField(default=0)
    steps_total = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=12, choices=OperationState, default=OperationState.QUEUED)
    reason = models.CharField(max_length=80, blank=True)  # by hand, every 5 takes, end of session
    started_by = models.CharField(max_length=150, blank=True)
    error = models.TextField(blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)  # of the run, not of its jobs
    token = models.CharField(max_length=32, blank=True)  # of the worker that runs it
    lease_until = models.DateTimeField(null=True, blank=True)  # without a token: do not retry before this
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = OperationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"],
                condition=models.Q(type__in=REVISING, state=OperationState.RUNNING),
                name="one_change_of_a_dataset_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{OperationType(self.type).label} {str(self.pk)[:8]} of {self.dataset}"

    @property
    def can_cancel(self) -> bool:
        """Return whether no worker is writing it: before its run, and while the run waits for a worker."""
        if self.state == OperationState.RUNNING:
            return "writing" not in self.result if self.type in STOPPABLE else not self.token
        return self.state in {OperationState.QUEUED, OperationState.ENCODING}
