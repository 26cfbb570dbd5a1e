"""A station: the process of one computer that lists its ports and cameras, keeps its rig files and runs its rigs."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class StationQuerySet(models.QuerySet["Station"]):
    """Stations by their state."""

    def online(self) -> StationQuerySet:
        """Return the stations that are connected and send their state."""
        return self.filter(online=True)


class Station(models.Model):
    """What a station last reported; `folder` is that of its rig files."""

    name = models.CharField(max_length=120, unique=True)
    online = models.BooleanField(default=False)
    online_since = models.DateTimeField(default=timezone.now)  # or offline since
    state = models.JSONField(default=dict, blank=True)  # its last state: rigs and devices_seq
    folder = models.CharField(max_length=1000, blank=True)
    software = models.CharField(max_length=120, blank=True)
    python = models.CharField(max_length=1000, blank=True)
    pid = models.PositiveIntegerField(default=0)
    connection = models.CharField(max_length=64, blank=True)  # the channel of the only socket that may update the row
    last_seen_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = StationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def rigs(self) -> list[dict[str, Any]]:
        """Return its rigs, each a RigProcess of `robotdata.station.protocol`, by name."""
        return sorted(self.state.get("rigs") or [], key=lambda rig: str(rig["name"]))

    @property
    def devices_seq(self) -> int:
        """Return the number that grows when a port or camera is plugged in or out."""
        return int(self.state.get("devices_seq") or 0)
