"""A rig (a robot with its cameras and teleoperator, driven by one process) and its sessions."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.utils import timezone

from recorder.models.dataset import Dataset
from recorder.models.ordered_json import OrderedJSONField
from recorder.models.readiness import Readiness, readiness_of
from recorder.models.states import RigState


class RigQuerySet(models.QuerySet["Rig"]):
    """Rigs by their state."""

    def online(self) -> RigQuerySet:
        """Return the rigs that are connected and send their status."""
        return self.exclude(state=RigState.OFFLINE)

    def listed(self) -> RigQuerySet:
        """Return the rigs that pages list: those that nobody has removed since they connected last."""
        return self.filter(hidden=False)


class Rig(models.Model):
    """The last state that a rig reported, never one that was only requested."""

    name = models.CharField(max_length=48, unique=True)
    robot_type = models.CharField(max_length=120, blank=True)
    fps = models.FloatField(default=30)
    features = OrderedJSONField(default=dict, blank=True)
    cameras = models.JSONField(default=list, blank=True)  # [{key, name, width, height, fps}] in the order of its hello
    state = models.CharField(
        max_length=12, choices=[(state.value, state.title()) for state in RigState], default=RigState.OFFLINE.value
    )
    state_since = models.DateTimeField(default=timezone.now)
    status = OrderedJSONField(default=dict, blank=True)  # the last complete status message
    connection = models.CharField(max_length=64, blank=True)  # the channel of the only socket that may update the row
    host = models.CharField(max_length=120, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    hidden = models.BooleanField(default=False)  # removed by a person, although takes or sessions name it
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = RigQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_online(self) -> bool:
        """Return whether the rig is connected and sends its status."""
        return self.state != RigState.OFFLINE

    @property
    def is_simulated(self) -> bool:
        """Return whether it is the simulated arm, so that nothing can break."""
        return self.robot_type.startswith("sim_")

    @property
    def offline_since(self) -> datetime:
        """Return since when an offline rig is: its last status, where only a later start of the server noticed."""
        return min(self.state_since, self.last_seen_at or self.state_since)

    @property
    def readiness(self) -> Readiness:
        """Return whether it can record now, according to its last status."""
        return readiness_of(self.state, self.status, self.cameras)


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions by their state."""

    def running(self) -> SessionQuerySet:
        """Return the sessions that have not ended."""
        return self.filter(ended_at=None)


class Session(models.Model):
    """Consecutive takes on one rig into one dataset, and the settings of the next take. Times `*_s` are in seconds."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rig = models.ForeignKey(Rig, on_delete=models.PROTECT, related_name="sessions")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="sessions")
    operator = models.CharField(max_length=150, blank=True)
    task = models.CharField(max_length=2000)
    countdown_s = models.FloatField(default=3)
    episode_s = models.FloatField(null=True, blank=True)
    reset_s = models.FloatField(null=True, blank=True)
    target = models.PositiveIntegerField(null=True, blank=True)  # kept episodes of its task, instead of the goal
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["rig"], condition=models.Q(ended_at=None), name="one_running_session_per_rig"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rig} into {self.dataset}"
