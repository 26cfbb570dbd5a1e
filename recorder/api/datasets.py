"""Datasets: create, read and change them; revisions, pending changes and thresholds."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.change_schemas import VerdictOut
from recorder.api.operation_schemas import EncodeIn, OperationDetail
from recorder.api.operations import Detail
from recorder.api.paging import Limit, Page, by_name
from recorder.api.revisions import GoBackIn, PlannedCounts, RenameIn
from recorder.api.schemas import ERRORS, DatasetIn, DatasetOut, DatasetPatch, Slug
from recorder.api.threshold_schemas import MarksPreview, ThresholdsIn
from recorder.catalog.datasets import change_dataset, create_dataset
from recorder.jobs.encoding import start_encoding
from recorder.jobs.revising import apply_changes, planned_counts, start_revert
from recorder.jobs.revisions import Revision, revisions_of
from recorder.models import Dataset
from recorder.quality.thresholds import preview
from recorder.review.bulk_edit import rename_task

router = Router(tags=["datasets"])


@router.get("/datasets", response={200: Page[DatasetOut], **ERRORS})
def list_datasets(
    request: HttpRequest, limit: Limit = 100, after: Annotated[Slug | None, Query()] = None
) -> dict[str, Any]:
    """List datasets by `slug`, with their counts of episodes."""
    return by_name(Dataset.objects.with_counts(), "slug", limit=limit, after=after)


@router.post("/datasets", response={201: DatasetOut, **ERRORS})
def make_dataset(request: HttpRequest, body: DatasetIn) -> Status[Dataset]:
    """Create a dataset. Any title works; its folder name `slug` is derived from it."""
    dataset = create_dataset(actor=actor_of(request), **_settings(body))
    return Status(201, lookups.dataset_of(dataset.slug))


@router.get("/datasets/{slug}", response={200: DatasetOut, **ERRORS})
def get_dataset(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Dataset:
    """Return one dataset."""
    return lookups.dataset_of(slug)


@router.patch("/datasets/{slug}", response={200: DatasetOut, **ERRORS})
def patch_dataset(request: HttpRequest, slug: Annotated[Slug, Path()], body: DatasetPatch) -> Dataset:
    """Change the settings given; null clears `goal` or `thresholds`."""
    dataset = lookups.dataset_of(slug)
    change_dataset(dataset=dataset, actor=actor_of(request), **_settings(body))
    return lookups.dataset_of(slug)


@router.get("/datasets/{slug}/planned", response={200: PlannedCounts, **ERRORS})
def get_planned(request: HttpRequest, slug: Annotated[Slug, Path()]) -> dict[str, int]:
    """Count the episodes with pending changes: to delete, relabel and trim."""
    return planned_counts(lookups.dataset_of(slug))


@router.post("/datasets/{slug}/encode", response={202: OperationDetail, **ERRORS})
def encode_takes(request: HttpRequest, slug: Annotated[Slug, Path()], body: EncodeIn) -> Status[Detail]:
    """Encode the takes given, or all kept ones, and add them together. Returns an operation: poll it."""
    operation = start_encoding(
        dataset=lookups.dataset_of(slug),
        actor=actor_of(request),
        episodes=None if body.episodes is None else lookups.episodes_of(body.episodes),
        include_unreviewed=body.include_unreviewed,
    )
    return Status(202, Detail(lookups.operation_of(operation.pk)))


@router.post("/datasets/{slug}/apply", response={202: OperationDetail, **ERRORS})
def apply_planned(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Status[Detail]:
    """Apply all pending changes as one new revision. Returns an operation: poll it until it is done."""
    operation = apply_changes(dataset=lookups.dataset_of(slug), actor=actor_of(request))
    return Status(202, Detail(lookups.operation_of(operation.pk)))


@router.get("/datasets/{slug}/revisions", response={200: list[Revision], **ERRORS})
def list_revisions(request: HttpRequest, slug: Annotated[Slug, Path()]) -> list[Revision]:
    """List the current revision and those it can be reverted to, newest first."""
    return revisions_of(lookups.dataset_of(slug))


@router.post("/datasets/{slug}/revert", response={202: OperationDetail, **ERRORS})
def revert_dataset(request: HttpRequest, slug: Annotated[Slug, Path()], body: GoBackIn) -> Status[Detail]:
    """Revert to an earlier revision, as a new revision. Returns an operation: poll it until it is done."""
    operation = start_revert(dataset=lookups.dataset_of(slug), revision=body.revision, actor=actor_of(request))
    return Status(202, Detail(lookups.operation_of(operation.pk)))


@router.post("/datasets/{slug}/tasks/rename", response={200: VerdictOut, **ERRORS})
def rename_task_everywhere(request: HttpRequest, slug: Annotated[Slug, Path()], body: RenameIn) -> dict[str, Any]:
    """Rename a task in takes and committed episodes; undone in one step."""
    group, count = rename_task(dataset=lookups.dataset_of(slug), task=body.task, to=body.to, actor=actor_of(request))
    return {"group": group, "episodes": count}


@router.post("/datasets/{slug}/marks/preview", response={200: MarksPreview, **ERRORS})
def preview_marks(request: HttpRequest, slug: Annotated[Slug, Path()], body: ThresholdsIn) -> dict[str, Any]:
    """Count the takes with each kind of issue, now and with these thresholds. Changes nothing."""
    return preview(lookups.dataset_of(slug), body.thresholds)


def _settings(body: DatasetIn | DatasetPatch) -> dict[str, Any]:
    """Return the settings given; null clears `goal` or `thresholds` and is ignored elsewhere."""
    values = body.model_dump(exclude_unset=True)
    return {name: value for name, value in values.items() if value is not None or name in {"goal", "thresholds"}}
