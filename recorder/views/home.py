"""The start page: rigs, datasets, newest takes."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.counts import datasets_with_figures
from recorder.live.rigs import expire_rigs
from recorder.models import Episode, Rig, Unopened
from recorder.views.request import Request

DATASETS_SHOWN, TAKES_SHOWN = 12, 8


@require_GET
def home(request: Request) -> HttpResponse:
    """The start page."""
    expire_rigs()
    datasets = datasets_with_figures()
    context = {
        "rigs": Rig.objects.listed().defer("features"),
        "datasets": datasets[:DATASETS_SHOWN],
        "total": len(datasets),
        "unopened": Unopened.objects.count(),
        **_newest(),
    }
    return render(request, "recorder/home.html", context)


@require_GET
def rig_tiles(request: Request) -> HttpResponse:
    """The fragment with the rigs."""
    expire_rigs()
    return render(request, "recorder/_rig_tiles.html", {"rigs": Rig.objects.listed().defer("features")})


@require_GET
def newest(request: Request) -> HttpResponse:
    """The fragment with the newest takes."""
    return render(request, "recorder/_newest.html", _newest())


def _newest() -> dict[str, Any]:
    takes = Episode.objects.takes().filter(dataset__trashed_at=None)
    rows = takes.select_related("dataset", "rig").newest_first()
    return {"newest": list(rows[:TAKES_SHOWN]), "takes": takes.count()}
