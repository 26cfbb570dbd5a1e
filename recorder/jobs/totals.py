"""What batches come to, counted by the database: for pages that list many batches without their episodes."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from recorder.jobs.operation_types import spec_of
from recorder.jobs.progress import speed_of
from recorder.models import Job, Operation
from recorder.models.states import EpisodeState, JobState, OperationState, Verdict

_OPEN = Q(state__in=(JobState.QUEUED, JobState.RUNNING))
_COUNTED = ~Q(state=JobState.CANCELLED)
_LEFT_OUT = Q(episode__verdict=Verdict.REJECT) | Q(episode__purged_at__isnull=False)


@dataclass(frozen=True, slots=True)
class BatchTotals:
    """The sums of a batch's jobs, as in `EncodingProgress`; `fps` and `seconds_left` are None if unknown."""

    frames_done: int = 0
    frames_total: int = 0
    fps: float | None = None
    seconds_left: float | None = None
    episode_count: int = 0
    retryable: int = 0
    all_left_out: bool = False


def totals_of(operations: Collection[Operation]) -> dict[uuid.UUID, BatchTotals]:
    """Return the totals of each operation, zeros for one without jobs; up to four queries for all of them.

    The numbers are those of `encoding_progress`, which loads every job with its episode.
    """
    batches = [row for row in operations if spec_of(row).has_jobs]
    totals = {row.pk: BatchTotals() for row in operations}
    if not batches:
        return totals
    jobs = Job.objects.filter(operation__in=[row.pk for row in batches]).order_by()
    counts = _counts(jobs)
    retryable = _episodes(jobs.exclude(_LEFT_OUT).filter(state=JobState.FAILED, episode__state=EpisodeState.FAILED))
    failed = [row.pk for row in batches if row.state == OperationState.FAILED]
    left_out = _episodes(jobs.filter(_LEFT_OUT, operation__in=failed)) if failed else {}
    speeds = _speeds(jobs, [row["operation"] for row in counts if row["running"]])
    for row in counts:
        pk, fps, is_counted = row["operation"], speeds.get(row["operation"]), row["counted"]
        frames_left = (row["open_total"] or 0) - (row["open_done"] or 0)
        totals[pk] = BatchTotals(
            frames_done=row["done" if is_counted else "all_done"],
            frames_total=row["total" if is_counted else "all_total"],
            fps=fps,
            seconds_left=frames_left / fps if fps and frames_left else None,
            episode_count=row["episodes"],
            retryable=retryable.get(pk, 0),
            all_left_out=left_out.get(pk) == row["episodes"],
        )
    return totals


def _counts(jobs: QuerySet[Job]) -> list[dict[str, Any]]:
    """Return the sums by operation; frames of cancelled jobs count only where all jobs are cancelled."""
    rows = jobs.values("operation").annotate(
        episodes=Count("episode_id", distinct=True),
        running=Count("pk", filter=Q(state=JobState.RUNNING)),
        counted=Count("pk", filter=_COUNTED),
        done=Sum("frames_done", filter=_COUNTED),
        total=Sum("frames_total", filter=_COUNTED),
        all_done=Sum("frames_done"),
        all_total=Sum("frames_total"),
        open_done=Sum("frames_done", filter=_OPEN),
        open_total=Sum("frames_total", filter=_OPEN),
    )
    return [dict(row) for row in rows]


def _episodes(jobs: QuerySet[Job]) -> dict[uuid.UUID, int]:
    """Return by operation how many episodes the jobs have."""
    counts = jobs.values("operation").annotate(episodes=Count("episode_id", distinct=True))
    return dict(counts.values_list("operation", "episodes"))


def _speeds(jobs: QuerySet[Job], operations: list[uuid.UUID]) -> dict[uuid.UUID, float | None]:
    """Return by operation its present speed in frames per second, of those that have running jobs."""
    by_operation: dict[uuid.UUID, list[Job]] = {pk: [] for pk in operations}
    columns = ("operation_id", "state", "frames_done", "started_at", "finished_at")
    for job in jobs.filter(operation__in=operations).only(*columns) if operations else ():
        by_operation[job.operation_id].append(job)
    return {pk: speed_of(rows) for pk, rows in by_operation.items()}
