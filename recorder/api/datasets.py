"""Datasets: make one, look at it, change how its takes get into it."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Status

from recorder.api import find
from recorder.api.access import actor_of
from recorder.api.acts import VerdictOut
from recorder.api.batches import Detail
from recorder.api.marks import MarksPreview, ThresholdsIn
from recorder.api.paging import Limit, Page, by_name
from recorder.api.revisions import GoBackIn, PlannedCounts, RenameIn, RevisionOut
from recorder.api.schemas import ERRORS, BatchDetail, DatasetIn, DatasetOut, DatasetPatch, Slug
from recorder.models import Dataset
from recorder.models.dataset import default_encoding
from recorder.services.bulk import rename_task
from recorder.services.datasets import change_dataset, create_dataset
from recorder.services.revisions import Revision, apply_changes, go_back, planned_counts, revisions_of
from recorder.services.thresholds import preview

router = Router(tags=["datasets"])


@router.get("/datasets", response={200: Page[DatasetOut], **ERRORS})
def list_datasets(
    request: HttpRequest, limit: Limit = 100, after: Annotated[Slug | None, Query()] = None
) -> dict[str, Any]:
    return by_name(Dataset.objects.with_counts(), "slug", limit=limit, after=after)


@router.post("/datasets", response={201: DatasetOut, **ERRORS})
def make_dataset(request: HttpRequest, body: DatasetIn) -> Status[Dataset]:
    """Any title will do: the folder gets a safe name of its own, `slug`."""
    dataset = create_dataset(actor=actor_of(request), **_settings(body, default_encoding()))
    return Status(201, find.dataset_of(dataset.slug))


@router.get("/datasets/{slug}", response={200: DatasetOut, **ERRORS})
def get_dataset(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Dataset:
    return find.dataset_of(slug)


@router.patch("/datasets/{slug}", response={200: DatasetOut, **ERRORS})
def patch_dataset(request: HttpRequest, slug: Annotated[Slug, Path()], body: DatasetPatch) -> Dataset:
    dataset = find.dataset_of(slug)
    change_dataset(dataset=dataset, actor=actor_of(request), **_settings(body, dataset.encoding))
    return find.dataset_of(slug)


@router.get("/datasets/{slug}/planned", response={200: PlannedCounts, **ERRORS})
def get_planned(request: HttpRequest, slug: Annotated[Slug, Path()]) -> dict[str, int]:
    """How many episodes of the dataset wait to be deleted, relabelled and trimmed."""
    return planned_counts(find.dataset_of(slug))


@router.post("/datasets/{slug}/apply", response={202: BatchDetail, **ERRORS})
def apply_planned(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Status[Detail]:
    """Make one new revision with all that is planned now. The answer is a batch: ask for it until it is done."""
    batch = apply_changes(dataset=find.dataset_of(slug), actor=actor_of(request))
    return Status(202, Detail(find.batch_of(batch.pk)))


@router.get("/datasets/{slug}/revisions", response={200: list[RevisionOut], **ERRORS})
def list_revisions(request: HttpRequest, slug: Annotated[Slug, Path()]) -> list[Revision]:
    """The present state and those that can be gone back to, newest first."""
    return revisions_of(find.dataset_of(slug))


@router.post("/datasets/{slug}/revert", response={202: BatchDetail, **ERRORS})
def revert_dataset(request: HttpRequest, slug: Annotated[Slug, Path()], body: GoBackIn) -> Status[Detail]:
    """Make an earlier state the present one, as a new revision. The answer is a batch: ask for it until it is done."""
    batch = go_back(dataset=find.dataset_of(slug), revision=body.revision, actor=actor_of(request))
    return Status(202, Detail(find.batch_of(batch.pk)))


@router.post("/datasets/{slug}/tasks/rename", response={200: VerdictOut, **ERRORS})
def rename_task_everywhere(request: HttpRequest, slug: Annotated[Slug, Path()], body: RenameIn) -> dict[str, Any]:
    """Another text for a task, in takes and committed episodes; undone as one."""
    group, count = rename_task(dataset=find.dataset_of(slug), task=body.task, to=body.to, actor=actor_of(request))
    return {"group": group, "episodes": count}


@router.post("/datasets/{slug}/marks/preview", response={200: MarksPreview, **ERRORS})
def preview_marks(request: HttpRequest, slug: Annotated[Slug, Path()], body: ThresholdsIn) -> dict[str, Any]:
    """How many takes each kind of quality mark holds now, and with these thresholds; nothing is changed."""
    return preview(find.dataset_of(slug), body.thresholds)


def _settings(body: DatasetIn | DatasetPatch, encoding: dict[str, Any]) -> dict[str, Any]:
    """What was given; null takes back a goal, or all thresholds, and changes nothing else."""
    given = body.model_dump(exclude_unset=True)
    settings = {name: value for name, value in given.items() if value is not None or name in {"goal", "thresholds"}}
    if "encoding" in settings:
        settings["encoding"] = {**encoding, **settings["encoding"]}
    return settings
