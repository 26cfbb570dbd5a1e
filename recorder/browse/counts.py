"""Counts of datasets: episodes, seconds, and progress towards the goal."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, FloatField, Q, QuerySet, Sum
from django.db.models.functions import Cast

from recorder.models import Dataset, Episode
from recorder.models.episode import TO_REVIEW
from recorder.models.states import EpisodeState, Verdict

SECONDS = Cast(F("ticks"), FloatField()) / F("fps")


def figures_by_dataset() -> dict[int, dict[str, Any]]:
    """Return to_review, keep, reject, committed and seconds of each dataset, by its pk, in one query."""
    raw = Q(purged_at=None) & ~Q(state=EpisodeState.ENCODED)
    counted = Q(state=EpisodeState.ENCODED) | (raw & ~Q(verdict=Verdict.REJECT))
    rows = (
        Episode.objects.order_by()
        .values("dataset_id")
        .annotate(
            to_review=Count("pk", filter=TO_REVIEW),
            keep=Count("pk", filter=raw & Q(verdict=Verdict.KEEP)),
            reject=Count("pk", filter=raw & Q(verdict=Verdict.REJECT)),
            committed=Count("pk", filter=Q(state=EpisodeState.ENCODED)),
            seconds=Sum(SECONDS, filter=counted & Q(fps__gt=0)),
        )
    )
    return {row["dataset_id"]: {name: value for name, value in row.items() if name != "dataset_id"} for row in rows}


NO_EPISODES: dict[str, Any] = {"to_review": 0, "keep": 0, "reject": 0, "committed": 0, "seconds": 0.0}


def datasets_with_figures() -> list[dict[str, Any]]:
    """Return every dataset with its counts, the last changed first."""
    figures = figures_by_dataset()
    rows: QuerySet[Dataset] = Dataset.objects.defer("features", "encoding").order_by("-updated_at")
    return [{"dataset": row, **figures.get(row.pk, NO_EPISODES)} for row in rows]


def figures_of(dataset: Dataset) -> dict[str, Any]:
    """Return the counts of one dataset, in episodes and seconds."""
    rows = Episode.objects.filter(dataset=dataset)
    raw = Q(purged_at=None) & ~Q(state=EpisodeState.ENCODED)
    keep = raw & Q(verdict=Verdict.KEEP)
    not_encoding = Q(state__in=[EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED])
    committed = Q(state=EpisodeState.ENCODED)
    return rows.aggregate(
        to_review=Count("pk", filter=TO_REVIEW),
        keep=Count("pk", filter=keep),
        encodable=Count("pk", filter=keep & not_encoding),
        encodable_unreviewed=Count("pk", filter=raw & not_encoding & ~Q(verdict=Verdict.REJECT)),
        encoding=Count("pk", filter=raw & Q(state=EpisodeState.ENCODING)),
        reject=Count("pk", filter=raw & Q(verdict=Verdict.REJECT)),
        committed=Count("pk", filter=committed),
        seconds=Sum(SECONDS, filter=raw & ~Q(verdict=Verdict.REJECT) & Q(fps__gt=0)),
        committed_seconds=Sum(SECONDS, filter=committed & Q(fps__gt=0)),
    )


def goals_of(dataset: Dataset, first: str) -> list[dict[str, Any]]:
    """Return the progress of each task, with the present task `first`; empty without a goal."""
    if not dataset.goal:
        return []
    lines = tasks_of(dataset)
    current = next((line for line in lines if line["task"] == first), {"task": first, "n": 0, "kept": 0})
    return [current, *(line for line in lines if line["task"] != first)]


def goal_of(dataset: Dataset, task: str = "") -> dict[str, int] | None:
    """Return how many episodes are kept of those wanted, in one task or in all; None without a goal.

    Over all tasks, a surplus in one does not make up for another.
    """
    if not dataset.goal:
        return None
    lines = [line for line in tasks_of(dataset) if task in ("", line["task"])]
    kept = sum(line["kept"] if task else min(line["kept"], dataset.goal) for line in lines)
    return {"kept": kept, "wanted": dataset.goal * max(1, len(lines))}


def tasks_of(dataset: Dataset) -> list[dict[str, Any]]:
    """Return tasks with their numbers of takes and episodes, all (`n`) and `kept`; the most frequent first."""
    committed = Q(state=EpisodeState.ENCODED) & ~Q(verdict=Verdict.REJECT)
    kept = committed | Q(verdict=Verdict.KEEP, purged_at=None)
    rows = Episode.objects.filter(dataset=dataset, purged_at=None).order_by().values("task")
    counted = rows.annotate(n=Count("pk"), kept=Count("pk", filter=kept)).order_by("-n", "task")
    return [{"task": row["task"], "n": row["n"], "kept": row["kept"]} for row in counted[:50]]
