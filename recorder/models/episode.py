"""An episode: the index of a take in the spool, later of a row range in its dataset; and who changed it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from recorder.models.dataset import Dataset
from recorder.models.numbers import format_number, give_numbers
from recorder.models.rig import Rig, Session
from recorder.models.states import EpisodeState, Verdict
from robotdata.quality.mark import score

_COMMITTED = models.Q(state=EpisodeState.ENCODED)
_COMMITTED_NOT_REJECTED = _COMMITTED & ~models.Q(verdict=Verdict.REJECT)
PLANNED = {
    "delete": _COMMITTED & models.Q(verdict=Verdict.REJECT),
    "relabel": _COMMITTED_NOT_REJECTED & ~models.Q(task=models.F("committed_task")),
    "trim": _COMMITTED_NOT_REJECTED & (models.Q(trim_first__isnull=False) | models.Q(trim_end__isnull=False)),
}
"""Pending changes, which wait until they are applied to the dataset's files, by kind."""


KEPT = _COMMITTED_NOT_REJECTED | models.Q(verdict=Verdict.KEEP, purged_at=None)
"""Episodes that are or will be in the dataset."""
TO_REVIEW = (
    models.Q(purged_at=None, verdict=Verdict.UNREVIEWED)
    & ~_COMMITTED
    & ~models.Q(state=EpisodeState.RECORDING)  # it cannot be reviewed yet
)
"""Takes to review, as every list and every count defines them."""


class EpisodeQuerySet(models.QuerySet["Episode"]):
    """Updates `marks_weight` whenever `marks` is written, in any way."""

    def update(self, **fields: Any) -> int:
        """Update the rows, and `marks_weight` with `marks`."""
        if isinstance(fields.get("marks"), list):
            fields["marks_weight"] = score(fields["marks"])
        return super().update(**fields)

    def bulk_create(self, objs: Iterable[Episode], *args: Any, **options: Any) -> list[Episode]:
        """Create the rows, with their `marks_weight` and numbers."""
        rows = list(objs)
        for row in rows:
            row.marks_weight = score(row.marks)
        with transaction.atomic():
            give_numbers(rows)
            return super().bulk_create(rows, *args, **options)

    def bulk_update(self, objs: Iterable[Episode], fields: Iterable[str], *args: Any, **options: Any) -> int:
        """Update the rows, and `marks_weight` with `marks`."""
        rows, names = list(objs), list(fields)
        if "marks" in names:
            names.append("marks_weight")
            for row in rows:
                row.marks_weight = score(row.marks)
        return super().bulk_update(rows, names, *args, **options)

    def takes(self) -> EpisodeQuerySet:
        """Return takes that are not encoded, deleted or in the trash."""
        return self.exclude(state=EpisodeState.ENCODED).exclude(verdict=Verdict.REJECT).filter(purged_at=None)

    def trashed(self) -> EpisodeQuerySet:
        """Return the takes in the trash, except those of datasets that are in the trash themselves."""
        rejected = self.filter(verdict=Verdict.REJECT, purged_at=None, dataset__trashed_at=None)
        return rejected.exclude(state=EpisodeState.ENCODED)

    def committed(self) -> EpisodeQuerySet:
        """Return the episodes in datasets."""
        return self.filter(state=EpisodeState.ENCODED)

    def to_review(self) -> EpisodeQuerySet:
        """Return the takes to review."""
        return self.filter(TO_REVIEW)

    def encodable(self, *, unreviewed: bool = False) -> EpisodeQuerySet:
        """Return takes that a batch may encode: complete, kept (or, with `unreviewed`, not rejected), in no batch."""
        verdicts = [Verdict.KEEP, Verdict.UNREVIEWED] if unreviewed else [Verdict.KEEP]
        states = [EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED]
        return self.filter(state__in=states, verdict__in=verdicts, purged_at=None)

    def planned(self) -> EpisodeQuerySet:
        """Return committed episodes with pending changes: to be deleted, relabelled or trimmed."""
        return self.filter(PLANNED["delete"] | PLANNED["relabel"] | PLANNED["trim"])

    def newest_first(self) -> EpisodeQuerySet:
        """Order by recording time, the newest first."""
        return self.order_by("-recorded_at", "-id")


class Episode(models.Model):
    """A take or episode, identified by the same UUID throughout; `episode_index` is set once it is committed.

    `number` is its name for people, 1-based and unique in its dataset: see `recorder.models.numbers`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="episodes")
    number = models.PositiveIntegerField()  # given when the row is created
    session = models.ForeignKey(Session, on_delete=models.SET_NULL, null=True, blank=True, related_name="episodes")
    rig = models.ForeignKey(Rig, on_delete=models.SET_NULL, null=True, blank=True, related_name="episodes")
    state = models.CharField(max_length=12, choices=EpisodeState, default=EpisodeState.RECORDING)
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.UNREVIEWED)
    task = models.CharField(max_length=2000)
    committed_task = models.CharField(max_length=2000, blank=True, default="")  # in the dataset; `task` may differ
    operator = models.CharField(max_length=150, blank=True)
    fps = models.FloatField(default=30)
    ticks = models.PositiveIntegerField(default=0)
    rate_hz = models.FloatField(null=True, blank=True)  # measured, not nominal
    counters = models.JSONField(default=dict, blank=True)
    marks = models.JSONField(default=list, blank=True)  # [{code, camera, from_tick, to_tick, text}]
    marks_weight = models.PositiveSmallIntegerField(default=0, editable=False)  # the severity of all of them together
    end_reason = models.CharField(max_length=40, blank=True)
    trim_first = models.PositiveIntegerField(null=True, blank=True)  # first tick kept
    trim_end = models.PositiveIntegerField(null=True, blank=True)  # first tick after the kept ones
    labels = models.JSONField(default=list, blank=True)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    note = models.TextField(blank=True)
    language = models.JSONField(null=True, blank=True)  # of a take, in ticks; an episode's is in its dataset's rows
    reviewer = models.CharField(max_length=150, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    episode_index = models.PositiveIntegerField(null=True, blank=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)
    purged_at = models.DateTimeField(null=True, blank=True)  # its files are permanently deleted
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)
    frames_at = models.DateTimeField(
        null=True, blank=True
    )  # when its frames last changed: an older trim refers to other frames

    others: dict[uuid.UUID, str] | None = None  # no column: names of takes that its flags name, for a page

    objects = EpisodeQuerySet.as_manager()

    class Meta:
        ordering = ["-recorded_at"]
        indexes = [
            models.Index(fields=["-recorded_at", "-id"], name="newest_first"),
            models.Index(fields=["dataset", "verdict", "-recorded_at", "-id"], name="newest_of_verdict"),
            models.Index(fields=["dataset", "-recorded_at"]),
            models.Index(fields=["dataset", "-marks_weight", "-recorded_at"], name="worst_first"),
            models.Index(fields=["session", "-recorded_at"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="one_episode_per_number"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="numbers_begin_at_1"),
            models.UniqueConstraint(
                fields=["dataset", "episode_index"],
                condition=models.Q(episode_index__isnull=False),
                name="one_episode_per_index",
            ),
            models.CheckConstraint(
                condition=models.Q(state="encoded", episode_index__isnull=False)
                | (~models.Q(state="encoded") & models.Q(episode_index=None)),
                name="index_only_when_committed",
            ),
            models.CheckConstraint(
                condition=models.Q(trim_end=None)
                | models.Q(trim_first=None)
                | models.Q(trim_end__gt=models.F("trim_first")),
                name="trim_keeps_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.task})" if self.task else self.name

    def save(self, *args: Any, **options: Any) -> None:
        """Save the row, and `marks_weight` with `marks`; a new row gets its number."""
        names = options.get("update_fields")
        if names is None or "marks" in names:
            options["update_fields"] = None if names is None else {*names, "marks_weight"}
            self.marks_weight = score(self.marks)
        if not self._state.adding:
            super().save(*args, **options)
            return
        with transaction.atomic():
            give_numbers([self])
            super().save(*args, **options)

    @property
    def name(self) -> str:
        """Return what people call it: its number in the dataset, as `#12`."""
        return format_number(self.number)

    @property
    def take_path(self) -> Path:
        """Return the take's folder in the spool, whether or not it exists."""
        return Path(settings.SPOOL_DIR) / str(self.pk)

    @property
    def is_committed(self) -> bool:
        """Return whether the episode is in its dataset."""
        return self.state == EpisodeState.ENCODED

    @property
    def is_cut_off(self) -> bool:
        """Return whether its rig went offline while recording it, and nobody has closed the take yet."""
        return self.state == EpisodeState.RECORDING and self.rig is not None and not self.rig.is_online

    @property
    def planned(self) -> dict[str, Any]:
        """Return the pending changes of a committed episode: `delete`, `task` and `trim`."""
        if not self.is_committed:
            return {}
        pending: dict[str, Any] = {"delete": True} if self.verdict == Verdict.REJECT else {}
        if self.task != self.committed_task:
            pending["task"] = self.task
        if self.trim is not None:
            pending["trim"] = self.trim
        return pending

    @property
    def trim(self) -> list[int] | None:
        """Return the trim as [first, end) in ticks of the take; None if nothing is cut."""
        if self.trim_first is None and self.trim_end is None:
            return None
        return [self.trim_first or 0, self.ticks if self.trim_end is None else self.trim_end]

    @property
    def duration_s(self) -> float:
        """Return the length after the trim in seconds, at the nominal rate."""
        first, end = self.kept_ticks
        return (end - first) / self.fps if self.fps else 0.0

    @property
    def kept_ticks(self) -> tuple[int, int]:
        """Return the ticks that the trim keeps, as [first, end); all of them without a trim."""
        first, end = self.trim_first or 0, self.trim_end if self.trim_end is not None else self.ticks
        return first, max(first, end)


class Change(models.Model):
    """One change of an episode: who made it, when, and the fields before and after. Undone newest first."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="changes")
    who = models.CharField(max_length=150, blank=True)
    browser = models.CharField(max_length=16, blank=True, default="")  # two people may share an account
    at = models.DateTimeField(default=timezone.now)
    before = models.JSONField()  # {field: old value}
    after = models.JSONField()
    group = models.UUIDField(default=uuid.uuid4)  # one request for many episodes is undone at once
    undone_at = models.DateTimeField(null=True, blank=True)
    superseded = models.BooleanField(default=False)  # somebody changed the same since: undo skips it

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["who", "-id"])]

    def __str__(self) -> str:
        return f"{self.who}: {', '.join(self.after)}"
