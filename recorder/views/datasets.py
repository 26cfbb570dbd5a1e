"""The list of datasets, and the page of one dataset with its lists of episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.counts import datasets_with_figures, figures_of, tasks_of
from recorder.catalog.additions import unopened_rows
from recorder.catalog.dataset_trash import in_trash
from recorder.catalog.remarks import remarks_of
from recorder.catalog.sending import archive_size
from recorder.jobs.converting import conversions_of
from recorder.models import Dataset
from recorder.views.dataset_page import operations_of, page_of, planned_of
from recorder.views.dataset_tabs import disk_of, past_of, timeline_of
from recorder.views.request import Request
from recorder.views.wall import dataset_of, filter_of, wall_of


@require_GET
def datasets(request: Request) -> HttpResponse:
    """The list of datasets, or for htmx its lines."""
    page = "recorder/_dataset_lines.html" if request.htmx else "recorder/datasets.html"
    most = request.GET.get("most", "")
    rows = datasets_with_figures()
    context: dict[str, Any] = {"datasets": rows[: int(most)] if most.isdecimal() and len(most) < 6 else rows}
    if not request.htmx:
        context |= _unopened()
    return render(request, page, context)


@require_GET
def unopened(request: Request) -> HttpResponse:
    """The folders that could not be opened, with their conversions."""
    return render(request, "recorder/_unopened.html", _unopened())


def _unopened() -> dict[str, Any]:
    """Return the folders that could not be opened, each with its newest conversion."""
    rows = unopened_rows()
    conversions = conversions_of(row.name for row in rows if row.remedy)
    return {"unopened": [{"row": row, "conversion": conversions.get(row.name)} for row in rows]}


@require_GET
def dataset(request: Request, slug: str) -> HttpResponse:
    """The page of one dataset; views of their own return its list, counts and operations again."""
    try:
        row = dataset_of(slug)
    except Http404:
        if (trashed := in_trash(slug)) is None:
            raise
        return render(request, "recorder/dataset_trashed.html", {"row": trashed})
    tasks = tasks_of(row)
    context = {**page_of(row, "episodes"), **wall_of(request, row, tasks), **filter_of(row)}
    return render(request, "recorder/dataset.html", context)


def _fragment(template: str, values: Callable[[Dataset], dict[str, Any]]) -> Callable[..., HttpResponse]:
    """Return the view of a part of the dataset's page; the page fetches that part again when it changes."""

    @require_GET
    def fragment(request: Request, slug: str) -> HttpResponse:
        row = dataset_of(slug)
        return render(request, template, {"dataset": row, **values(row)})

    return fragment


dataset_download = _fragment("recorder/_dataset_download.html", lambda row: {"size": archive_size(row) or 0})
dataset_disk = _fragment("recorder/_dataset_disk.html", disk_of)
dataset_figures = _fragment("recorder/_dataset_figures.html", lambda row: {"figures": figures_of(row)})
dataset_operations = _fragment("recorder/_dataset_operations.html", operations_of)
dataset_past = _fragment("recorder/_dataset_past.html", past_of)
dataset_planned = _fragment("recorder/_dataset_planned.html", planned_of)
dataset_revisions = _fragment("recorder/_dataset_revisions.html", timeline_of)
dataset_remarks = _fragment("recorder/_dataset_remarks.html", lambda row: {"remarks": remarks_of(row)})
dataset_tasks = _fragment("recorder/_dataset_tasks.html", lambda row: {"tasks": tasks_of(row)})
