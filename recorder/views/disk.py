"""The page Disk: what datasets, revisions, takes, the trash and uploads take, with buttons that free it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.catalog.disk import disk_usage
from recorder.views.request import Request


@require_GET
def disk(request: Request) -> HttpResponse:
    """The page, or for htmx its measurement."""
    computed = disk_usage(again="again" in request.GET)
    page = "recorder/_disk.html" if request.htmx else "recorder/disk.html"
    return render(request, page, {"computed": computed})
