"""Rename datasets, delete them to the trash, restore them, delete them permanently."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Schema
from pydantic import StringConstraints

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.schemas import ERRORS, Body, DatasetOut, Slug, text
from recorder.catalog.dataset_trash import (
    Trashed,
    delete_permanently,
    rename_dataset,
    restore_dataset,
    trash_dataset,
    trashed_datasets,
)
from recorder.models import Dataset

router = Router(tags=["datasets"])
NameInTrash = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}\+[0-9a-f]{8}$"), Path()]


class RenameDatasetIn(Body):
    """The new title; with `folder`, the folder and the address get a name that is derived from it."""

    title: Annotated[str, text(200, 1)]
    folder: bool = False


class DeletedOut(Schema):
    """The dataset that was deleted permanently."""

    name: str


@router.post("/datasets/{slug}/rename", response={200: DatasetOut, **ERRORS})
def rename(request: HttpRequest, slug: Annotated[Slug, Path()], body: RenameDatasetIn) -> Dataset:
    """Rename a dataset; its folder stays unless `folder` is true."""
    dataset = lookups.dataset_of(slug)
    renamed = rename_dataset(dataset=dataset, title=body.title, folder=body.folder, actor=actor_of(request))
    return lookups.dataset_of(renamed.slug)


@router.post("/datasets/{slug}/trash", response={200: Trashed, **ERRORS})
def move_to_trash(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Trashed:
    """Delete a dataset: it is in the trash for 7 days, with its revisions, takes and operations."""
    return trash_dataset(dataset=lookups.dataset_of(slug), actor=actor_of(request))


@router.get("/trash/datasets", response={200: list[Trashed], **ERRORS})
def list_trashed_datasets(request: HttpRequest) -> list[Trashed]:
    """List the datasets in the trash, the last deleted first."""
    return trashed_datasets()


@router.post("/trash/datasets/{name}/restore", response={200: DatasetOut, **ERRORS})
def restore(request: HttpRequest, name: NameInTrash) -> Dataset:
    """Bring a dataset back from the trash."""
    return lookups.dataset_of(restore_dataset(name=name, actor=actor_of(request)).slug)


@router.post("/trash/datasets/{name}/delete", response={200: DeletedOut, **ERRORS})
def delete_now(request: HttpRequest, name: NameInTrash) -> dict[str, str]:
    """Delete a dataset in the trash permanently. This cannot be undone."""
    delete_permanently(name=name, actor=actor_of(request))
    return {"name": name}
