"""Batches: start, watch, cancel and retry encoding and commits."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.paging import Limit, Page, newest_first
from recorder.api.schemas import ERRORS, BatchDetail, BatchIn, BatchOut, Slug
from recorder.jobs.batches import batch_progress, cancel_batch, retry_batch, start_batch
from recorder.models import Batch
from recorder.models.states import BatchState

router = Router(tags=["batches"])


class Detail:
    """A batch with its progress and jobs, as BatchDetail reads them."""

    def __init__(self, batch: Batch) -> None:
        progress = batch_progress(batch)
        self.batch = batch
        self.frames_done = progress.frames_done
        self.frames_total = progress.frames_total
        self.frames_per_s = progress.fps
        self.seconds_left = progress.seconds_left
        self.jobs = list(batch.jobs.all())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batch, name)


@router.get("/batches", response={200: Page[BatchOut], **ERRORS})
def list_batches(
    request: HttpRequest,
    dataset: Annotated[Slug | None, Query()] = None,
    state: BatchState | None = None,
    limit: Limit = 100,
    after: UUID | None = None,
) -> dict[str, Any]:
    """List batches, newest first."""
    rows = Batch.objects.select_related("dataset")
    if dataset:
        rows = rows.filter(dataset__slug=dataset)
    if state:
        rows = rows.filter(state=state)
    return newest_first(rows, "created_at", limit=limit, after=after)


@router.post("/batches", response={201: BatchDetail, **ERRORS})
def begin_batch(request: HttpRequest, body: BatchIn) -> Status[Detail]:
    """Encode the episodes given, or all kept ones, and add them to the dataset together."""
    dataset = lookups.dataset_of(body.dataset)
    episodes = None if body.episodes is None else lookups.episodes_of(body.episodes)
    batch = start_batch(
        dataset=dataset, actor=actor_of(request), episodes=episodes, include_unreviewed=body.include_unreviewed
    )
    return Status(201, Detail(lookups.batch_of(batch.pk)))


@router.get("/batches/{batch_id}", response={200: BatchDetail, **ERRORS})
def get_batch(request: HttpRequest, batch_id: UUID) -> Detail:
    """Return one batch with its progress and jobs."""
    return Detail(lookups.batch_of(batch_id))


@router.post("/batches/{batch_id}/cancel", response={200: BatchDetail, **ERRORS})
def cancel(request: HttpRequest, batch_id: UUID) -> Detail:
    """Cancel the batch; its episodes are takes again and keep their verdicts."""
    return Detail(cancel_batch(batch=lookups.batch_of(batch_id), actor=actor_of(request)))


@router.post("/batches/{batch_id}/retry", response={200: BatchDetail, **ERRORS})
def retry(request: HttpRequest, batch_id: UUID) -> Detail:
    """Retry what failed, in a new batch if the rest is in the dataset; finished work is kept."""
    return Detail(retry_batch(batch=lookups.batch_of(batch_id), actor=actor_of(request)))
