"""Operations: the rows that say what changes a dataset, how far it is, and who runs it."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from recorder.models.dataset import Dataset
from recorder.models.states import REVISING, OperationState, OperationType

_OPEN = (OperationState.QUEUED, OperationState.ENCODING, OperationState.RUNNING)


class OperationQuerySet(models.QuerySet["Operation"]):
    def open(self) -> OperationQuerySet:
        return self.filter(state__in=_OPEN)

    def ended(self) -> OperationQuerySet:
        return self.exclude(state__in=_OPEN)


class Operation(models.Model):
    """A change of a dataset that a worker makes: all of it becomes the dataset's next revision, or nothing does.

    `type` says which change; `recorder.jobs.operations` describes the types, `recorder.worker.run` runs them. Encoding
    is prepared by jobs first, one for each camera of each episode. `arguments` hold what was asked and never change;
    `result` holds what the run has to tell.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="operations")
    type = models.CharField(max_length=12, choices=OperationType)
    arguments = models.JSONField(default=dict, blank=True)  # by type: see each type's function in recorder.jobs
    result = models.JSONField(default=dict, blank=True)
    steps_done = models.PositiveSmallIntegerField(default=0)
    steps_total = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=12, choices=OperationState, default=OperationState.QUEUED)
    reason = models.CharField(max_length=80, blank=True)  # by hand, every 5 takes, end of session
    started_by = models.CharField(max_length=150, blank=True)
    error = models.TextField(blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)  # of the run, not of its jobs
    token = models.CharField(max_length=32, blank=True)  # of the worker that runs it
    lease_until = models.DateTimeField(null=True, blank=True)  # without a token: not to be tried before
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
        """Whether no worker is writing it: before its run, and while that waits for a worker."""
        if self.state == OperationState.RUNNING:
            return not self.token
        return self.state in {OperationState.QUEUED, OperationState.ENCODING}
