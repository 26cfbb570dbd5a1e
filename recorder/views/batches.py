"""Encoding: every batch with its progress, what failed and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.jobs.batches import batch_progress
from recorder.models import Batch
from recorder.models.states import BatchState
from recorder.views.request import Request

OLD = 40


def with_progress(batch: Batch) -> dict[str, Any]:
    return {"batch": batch, "progress": batch_progress(batch)}


@require_GET
def batches(request: Request) -> HttpResponse:
    """The open ones first, then those that have ended."""
    rows = Batch.objects.select_related("dataset")
    ended = rows.exclude(state__in=[BatchState.QUEUED, BatchState.ENCODING, BatchState.COMMITTING])
    context = {
        "open": [with_progress(batch) for batch in rows.open()],
        "ended": [with_progress(batch) for batch in ended[:OLD]],
        "ended_count": ended.count(),
    }
    page = "recorder/_batch_lists.html" if request.htmx else "recorder/batches.html"
    return render(request, page, context)


@require_GET
def batch(request: Request, batch_id: str) -> HttpResponse:
    """One batch, as its page shows it now."""
    row = get_object_or_404(Batch.objects.select_related("dataset"), pk=batch_id)
    return render(request, "recorder/_batch.html", {**with_progress(row), "opened": "opened" in request.GET})


@require_GET
def batch_count(request: Request) -> HttpResponse:
    return render(request, "recorder/_open_count.html")
