"""A dataset: a LeRobotDataset v3.0 folder, and how takes get into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from recorder.places import revisions_of, work_of


class Policy(models.TextChoices):
    """When kept takes are encoded."""

    HAND = "hand", "when I press Encode"
    EVERY = "every", "after every N kept takes"
    SESSION = "session", "at the end of the session"


def default_encoding() -> dict[str, Any]:
    """LeRobot 0.6's own defaults, so that our files are what its users expect."""
    return {"codec": "libsvtav1", "crf": 30, "g": 2, "preset": "12", "pix_fmt": "yuv420p"}


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def with_counts(self) -> DatasetQuerySet:
        """Adds to_review, keep (and not yet encoded), reject and committed, from one query."""
        raw = models.Q(episodes__purged_at=None) & ~models.Q(episodes__state="encoded")
        count = models.Count
        return self.annotate(
            to_review=count(
                "episodes",
                filter=raw & models.Q(episodes__verdict="unreviewed") & ~models.Q(episodes__state="recording"),
            ),
            keep=count("episodes", filter=raw & models.Q(episodes__verdict="keep")),
            reject=count("episodes", filter=raw & models.Q(episodes__verdict="reject")),
            committed=count("episodes", filter=models.Q(episodes__state="encoded")),
        )


class Dataset(models.Model):
    """One row a folder in `<home>/datasets`. `title` is what people wrote, `slug` the folder's safe name."""

    slug = models.CharField(max_length=96, unique=True)
    title = models.CharField(max_length=200)
    fps = models.FloatField(null=True, blank=True)  # None until the first take
    robot_type = models.CharField(max_length=120, blank=True)
    features = models.JSONField(default=dict, blank=True)
    encoding = models.JSONField(default=default_encoding, blank=True)
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.HAND)
    every = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(1000)])
    encode_unreviewed = models.BooleanField(default=False)  # whether a policy also takes what nobody rejected
    goal = models.PositiveIntegerField(null=True, blank=True)  # episodes wanted per task
    thresholds = models.JSONField(default=dict, blank=True)  # of quality marks, by name, where they are not the usual
    judge_by = models.DateTimeField(null=True, blank=True)  # takes wait to be judged by them: rung again after this
    total_episodes = models.PositiveIntegerField(default=0)
    total_frames = models.PositiveBigIntegerField(default=0)
    revision = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True)  # what is wrong with the folder, in words
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    not_whole: str = ""  # no column: episodes whose files were missing when the folder was last read, in words
    not_fetched: str = ""  # no column: that it came without any of its videos, in words

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def path(self) -> Path:
        return Path(settings.DATASETS_DIR) / self.slug

    @property
    def revisions_path(self) -> Path:
        return revisions_of(self.path)

    @property
    def work_path(self) -> Path:
        """Where its next states are built: on its own file system, so that they are swapped in by a rename."""
        return work_of(self.path)
