"""Parts of a dataset's page that look after its files: the report of a repair."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.catalog.repairs import repair_report
from recorder.catalog.rescues import rescue_report
from recorder.errors import Refused
from recorder.models import Unopened
from recorder.views.request import Request
from recorder.views.wall import dataset_of


@require_GET
def dataset_repair(request: Request, slug: str) -> HttpResponse:
    """The fragment with the report of what a repair would do; it fetches itself again while that is examined."""
    row = dataset_of(slug)
    try:
        context: dict[str, Any] = {"computed": repair_report(dataset=row, again="again" in request.GET)}
    except Refused as refused:
        context = {"refused": refused.message}
    return render(request, "recorder/_dataset_repair.html", {"dataset": row, **context})


@require_GET
def unopened_repair(request: Request, pk: int) -> HttpResponse:
    """The same for a folder that could not be opened."""
    row = get_object_or_404(Unopened, pk=pk)
    try:
        context: dict[str, Any] = {"computed": rescue_report(row=row, again="again" in request.GET)}
    except Refused as refused:
        context = {"refused": refused.message}
    return render(request, "recorder/_unopened_repair.html", {"row": row, **context})
