"""The trash: rejected takes and their size."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.catalog.dataset_trash import trashed_datasets
from recorder.models import Episode
from recorder.review.trash import trash_summary
from recorder.views.request import Request, episode_page


@require_GET
def trash(request: Request) -> HttpResponse:
    """The page, or for htmx its head or the next takes."""
    summary, trashed = trash_summary(), trashed_datasets()
    context = {
        "summary": summary,
        "trashed": trashed,
        "count": summary["episodes"] + len(trashed),
        **episode_page(Episode.objects.trashed(), request.GET.get("after")),
    }
    page = "recorder/trash.html"
    if request.htmx:
        page = "recorder/_trash_lines.html" if "after" in request.GET else "recorder/_trash_head.html"
    return render(request, page, context)
