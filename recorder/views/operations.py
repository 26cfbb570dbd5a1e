"""The page Encoding: every operation with its progress, its failures and their reasons."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.jobs.progress import encoding_progress
from recorder.models import Operation
from recorder.views.request import Request

ENDED_SHOWN = 40


def with_progress(operation: Operation) -> dict[str, Any]:
    """Return the operation and its progress, as the templates need them."""
    return {"operation": operation, "progress": encoding_progress(operation)}


@require_GET
def operations(request: Request) -> HttpResponse:
    """The page with open operations and those that have ended, or for htmx its lists."""
    rows = Operation.objects.select_related("dataset")
    ended = rows.ended()
    context = {
        "open": [with_progress(operation) for operation in rows.open()],
        "ended": [with_progress(operation) for operation in ended[:ENDED_SHOWN]],
        "ended_count": ended.count(),
    }
    page = "recorder/_operation_lists.html" if request.htmx else "recorder/operations.html"
    return render(request, page, context)


@require_GET
def operation(request: Request, operation_id: str) -> HttpResponse:
    """The fragment of one operation; on a page nothing for a cancelled conversion, which leaves no row. Or 404."""
    row = Operation.objects.select_related("dataset").filter(pk=operation_id).first()
    if row is None and request.htmx:
        return HttpResponse("")
    if row is None:
        raise Http404
    return render(request, "recorder/_operation.html", {**with_progress(row), "opened": "opened" in request.GET})


@require_GET
def operation_count(request: Request) -> HttpResponse:
    """The fragment with the number of open operations."""
    return render(request, "recorder/_open_count.html")
