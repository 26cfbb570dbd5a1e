"""A dataset: a LeRobotDataset v3.0 folder, and how takes are encoded into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from recorder.models.ordered_json import OrderedJSONField
from recorder.models.paths import revisions_of, trash_root, work_of


class Policy(models.TextChoices):
    """When kept takes are encoded."""

    HAND = "hand", "when I press Encode"
    EVERY = "every", "after every N kept takes"
    SESSION = "session", "at the end of the session"


def default_encoding() -> dict[str, Any]:
    """Return the defaults of LeRobot 0.6, so that our files are what its users expect."""
    return {"codec": "libsvtav1", "crf": 30, "g": 2, "preset": "12", "pix_fmt": "yuv420p"}


class DatasetQuerySet(models.QuerySet["Dataset"]):
    """Datasets with counts of their episodes."""

    def with_counts(self) -> DatasetQuerySet:
        """Add to_review, keep (and not yet encoded), reject and committed, in one query."""
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


class _Present(models.Manager["Dataset"]):
    """The datasets that are not in the trash."""

    def get_queryset(self) -> DatasetQuerySet:
        """Return the datasets that are not in the trash."""
        return DatasetQuerySet(self.model, using=self._db).filter(trashed_at=None)

    def with_counts(self) -> DatasetQuerySet:
        """Return them with their counts of episodes."""
        return self.get_queryset().with_counts()


class Dataset(models.Model):
    """One row per folder in `<home>/datasets`. `title` is the text that people chose, `slug` the folder's safe name."""

    slug = models.CharField(max_length=96, unique=True)
    title = models.CharField(max_length=200)
    fps = models.FloatField(null=True, blank=True)  # None until the first take
    robot_type = models.CharField(max_length=120, blank=True)
    features = OrderedJSONField(default=dict, blank=True)
    recorded_action = models.CharField(max_length=20, blank=True)
    """Which of a tick's two actions is its `action`, `sent` or `requested`; empty until the first take. The folder's
    sidecar decides it with the first commit."""
    encoding = models.JSONField(default=default_encoding, blank=True)
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.HAND)
    every = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(1000)])
    encode_unreviewed = models.BooleanField(default=False)  # whether a policy also encodes unreviewed takes
    goal = models.PositiveIntegerField(null=True, blank=True)  # target number of episodes per task
    thresholds = models.JSONField(default=dict, blank=True)  # of quality flags, by name, if not the default
    judge_by = models.DateTimeField(null=True, blank=True)  # takes need assessing: notify a worker again after this
    total_episodes = models.PositiveIntegerField(default=0)
    total_frames = models.PositiveBigIntegerField(default=0)
    revision = models.PositiveIntegerField(default=0)
    next_number = models.PositiveIntegerField(default=1, editable=False, validators=[MinValueValidator(1)])
    """The number of its next episode; it never goes back."""
    problem = models.TextField(blank=True)  # a defect of the folder, as a sentence
    trashed_at = models.DateTimeField(null=True, blank=True)  # since when it is in the trash
    trashed_by = models.CharField(max_length=150, blank=True)
    trashed_slug = models.CharField(max_length=96, blank=True)  # its slug before; `slug` is then its name in the trash
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    incomplete: str = ""  # no column: episodes whose files were missing when the folder was last read, as a sentence
    not_downloaded: str = ""  # no column: the dataset came without any videos, as a sentence

    objects = _Present()
    with_trash = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def path(self) -> Path:
        """Return the dataset's folder; its earlier revisions are beside it, in the trash, too."""
        if self.trashed_at is not None:
            return trash_root() / self.slug / self.trashed_slug
        return Path(settings.DATASETS_DIR) / self.slug

    @property
    def has_fixed_features(self) -> bool:
        """Whether its folder fixes the features: it holds episodes, or held some that were moved away."""
        return bool(self.total_episodes or self.revision)

    @property
    def revisions_path(self) -> Path:
        """Return the folder of its earlier revisions."""
        return revisions_of(self.path)

    @property
    def work_path(self) -> Path:
        """Return where its next revisions are built: on the same file system, so that a rename is enough."""
        return work_of(self.path)
