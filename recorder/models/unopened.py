"""Takes and datasets that could not be opened; pages show them until they can be opened or are gone."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models
from django.utils import timezone


class UnopenedKind(models.TextChoices):
    """Whether a folder that could not be opened is among the takes or the datasets."""

    TAKE = "take"
    DATASET = "dataset"


class Remedy(models.TextChoices):
    """What robotdata itself can do about a folder."""

    CONVERT = "convert", "convert it to v3.0"
    REPAIR = "repair", "make a dataset of what is whole"


class Unopened(models.Model):
    """One folder: its `name`, `what` it seems to be, `why` it was not opened, and what a person can do (`cure`)."""

    kind = models.CharField(max_length=10, choices=UnopenedKind)
    name = models.CharField(max_length=255)
    what = models.CharField(max_length=200, blank=True)
    why = models.TextField(blank=True)
    cure = models.TextField(blank=True)
    remedy = models.CharField(max_length=12, choices=Remedy, blank=True)
    state = models.CharField(max_length=100, blank=True)  # of the folder: an unchanged one is not read again
    found_at = models.DateTimeField(default=timezone.now)

    inner: Sequence[str] = ()  # no column: the datasets one folder deeper, which can be moved up

    class Meta:
        ordering = ["kind", "name"]
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="one_line_per_folder")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
