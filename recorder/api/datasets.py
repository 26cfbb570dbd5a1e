"""Datasets: make one, look at it, change how its takes get into it."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Status

from recorder.api import find
from recorder.api.access import who
from recorder.api.paging import Limit, Page, by_name
from recorder.api.schemas import ERRORS, DatasetIn, DatasetOut, DatasetPatch, Slug
from recorder.models import Dataset
from recorder.models.dataset import default_encoding
from recorder.services.datasets import change_dataset, create_dataset

router = Router(tags=["datasets"])


@router.get("/datasets", response={200: Page[DatasetOut], **ERRORS})
def list_datasets(
    request: HttpRequest, limit: Limit = 100, after: Annotated[Slug | None, Query()] = None
) -> dict[str, Any]:
    return by_name(Dataset.objects.with_counts(), "slug", limit=limit, after=after)


@router.post("/datasets", response={201: DatasetOut, **ERRORS})
def make_dataset(request: HttpRequest, body: DatasetIn) -> Status[Dataset]:
    """Any title will do: the folder gets a safe name of its own, `slug`."""
    dataset = create_dataset(who=who(request), **_settings(body, default_encoding()))
    return Status(201, find.dataset_of(dataset.slug))


@router.get("/datasets/{slug}", response={200: DatasetOut, **ERRORS})
def get_dataset(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Dataset:
    return find.dataset_of(slug)


@router.patch("/datasets/{slug}", response={200: DatasetOut, **ERRORS})
def patch_dataset(request: HttpRequest, slug: Annotated[Slug, Path()], body: DatasetPatch) -> Dataset:
    dataset = find.dataset_of(slug)
    change_dataset(dataset=dataset, **_settings(body, dataset.encoding))
    return find.dataset_of(slug)


def _settings(body: DatasetIn | DatasetPatch, encoding: dict[str, Any]) -> dict[str, Any]:
    """What was given; null takes back a goal and changes nothing else."""
    given = body.model_dump(exclude_unset=True)
    settings = {name: value for name, value in given.items() if value is not None or name == "goal"}
    if "encoding" in settings:
        settings["encoding"] = {**encoding, **settings["encoding"]}
    return settings
