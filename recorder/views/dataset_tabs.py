"""The pages of one dataset beside its list of episodes: edit, use, history, files and settings."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.counts import tasks_of
from recorder.browse.filters import Filter, choices
from recorder.catalog.disk import disk_usage
from recorder.catalog.folder_parts import folder_parts
from recorder.catalog.sending import archive_size
from recorder.jobs.revisions import revisions_of
from recorder.jobs.timeline import steps_of
from recorder.models import Dataset, Operation, Policy
from recorder.models.states import OperationType
from recorder.views.dataset_page import operations_of, page_of
from recorder.views.load_it import load_of
from recorder.views.operations import with_totals
from recorder.views.request import Request
from recorder.views.wall import dataset_of
from robotdata.dataset.hub.card import LICENCES
from robotdata.dataset.storage.names import SCHEME

PAST_SHOWN = 20
PUSHES_SHOWN = 5


@require_GET
def dataset_edit(request: Request, slug: str) -> HttpResponse:
    """The page with all that changes the dataset or makes others of it, and its tasks."""
    row = dataset_of(slug)
    return render(request, "recorder/dataset_edit.html", {**page_of(row, "edit"), "tasks": tasks_of(row)})


@require_GET
def dataset_use(request: Request, slug: str) -> HttpResponse:
    """The page with lines that load the dataset and train with it; the URL has the wall's filter."""
    row = dataset_of(slug)
    context = {**page_of(row, "use"), **load_of(row, request.GET)}
    context |= {"filter": Filter.read(request.GET), "choices": choices(row)}
    return render(request, "recorder/dataset_use.html", context)


@require_GET
def dataset_history(request: Request, slug: str) -> HttpResponse:
    """The page with the dataset's revisions and what was done with it."""
    row = dataset_of(slug)
    context = {**page_of(row, "history"), **timeline_of(row), **past_of(row)}
    return render(request, "recorder/dataset_history.html", context)


@require_GET
def dataset_files(request: Request, slug: str) -> HttpResponse:
    """The page with the dataset's files, what it takes on the disk, and where it was sent."""
    row = dataset_of(slug)
    parts = folder_parts(row.path)
    pushes = Operation.objects.filter(dataset=row, type=OperationType.PUSH)
    to_bucket = Q(arguments__repository__startswith=SCHEME)
    context = {
        **page_of(row, "files"),
        **disk_of(row),
        "parts": parts,
        "whole": {"files": sum(part.files for part in parts), "size": sum(part.size for part in parts)},
        "pushes": pushes.exclude(to_bucket)[:PUSHES_SHOWN],
        "bucket_pushes": pushes.filter(to_bucket)[:PUSHES_SHOWN],
        "size": archive_size(row) or 0,
        "licences": LICENCES,
    }
    return render(request, "recorder/dataset_files.html", context)


@require_GET
def dataset_settings(request: Request, slug: str) -> HttpResponse:
    """The page with the dataset's settings, its name, and the button that deletes it."""
    row = dataset_of(slug)
    context = {**page_of(row, "settings"), "policies": Policy.choices}
    return render(request, "recorder/dataset_settings.html", context)


def timeline_of(row: Dataset) -> dict[str, Any]:
    """Return the revisions with their differences, newest first."""
    return {"steps": steps_of(revisions_of(row))}


def past_of(row: Dataset) -> dict[str, Any]:
    """Return the newest operations that the header does not show."""
    shown = [entry["operation"].pk for entry in operations_of(row)["operations"]]
    rows = Operation.objects.filter(dataset=row).ended().exclude(pk__in=shown)
    return {"past": with_totals(rows[:PAST_SHOWN]), "past_count": rows.count()}


def disk_of(row: Dataset) -> dict[str, Any]:
    """Return the measurement of the disk, and in `items` what this dataset takes of it; begin one if it is too old."""
    computed = disk_usage()
    if computed.at is not None and computed.at < row.updated_at and not computed.running:
        computed = disk_usage(again=True)
    rows = computed.value.rows() if computed.value is not None else []
    return {"computed": computed, "items": next((items for slug, _, items in rows if slug == row.slug), {})}
