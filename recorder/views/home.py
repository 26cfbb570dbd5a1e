"""The start page: rigs, datasets, newest takes."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.models import Episode, Rig
from recorder.services.rigs import expire_rigs
from recorder.views.ask import Request
from recorder.views.counts import datasets_with_figures


@require_GET
def home(request: Request) -> HttpResponse:
    expire_rigs()
    newest = Episode.objects.takes().select_related("dataset", "rig").newest_first()
    context = {
        "rigs": Rig.objects.defer("features"),
        "datasets": datasets_with_figures()[:12],
        "newest": newest[:8],
        "takes": Episode.objects.takes().count(),
    }
    return render(request, "recorder/home.html", context)


@require_GET
def rig_tiles(request: Request) -> HttpResponse:
    expire_rigs()
    return render(request, "recorder/_rig_tiles.html", {"rigs": Rig.objects.defer("features")})
