"""The start page: rigs, what waits, the last days, datasets, newest takes."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from recorder.browse.counts import datasets_with_figures
from recorder.browse.other_takes import with_others
from recorder.browse.today import today_of
from recorder.live.rigs import expire_rigs, first_rig
from recorder.models import Episode, Rig, Unopened
from recorder.views.request import Request
from recorder.views.wall import dataset_of

DATASETS_SHOWN, TAKES_SHOWN = 12, 8


@require_GET
def home(request: Request) -> HttpResponse:
    """The start page."""
    expire_rigs()
    rigs = list(Rig.objects.listed().defer("features"))
    lists = _lists()
    context = {
        "rigs": rigs,
        "first_rig": first_rig(rigs),
        "unopened_folders": Unopened.objects.count() if lists["is_new"] else 0,
        **lists,
    }
    return render(request, "recorder/home.html", context)


@require_GET
def today(request: Request) -> HttpResponse:
    """The fragment with what waits and the last days; with `begin`, all lists of the page, once there is something."""
    if "begin" not in request.GET:
        return render(request, "recorder/_today.html", today_of(datasets_with_figures()))
    lists = _lists()
    return HttpResponse(status=204) if lists["is_new"] else render(request, "recorder/_home_begun.html", lists)


def _lists() -> dict[str, Any]:
    lines = datasets_with_figures()
    takes = _newest(lines)
    is_new = not lines and not takes["newest"]
    shown = {"datasets": lines[:DATASETS_SHOWN], "total": len(lines), "is_new": is_new}
    return {**shown, **takes, **({} if is_new else today_of(lines))}


@require_GET
def next_to_review(request: Request, slug: str) -> HttpResponse:
    """Redirect to the newest take to review; to the dataset's page if there is none."""
    row = dataset_of(slug)
    take = row.episodes.to_review().newest_first().first()
    if take is None:
        return redirect("recorder:dataset", slug)
    return redirect(f"{reverse('viewer:episode', args=[take.pk])}?list=review")


@require_GET
def rig_tiles(request: Request) -> HttpResponse:
    """The fragment with the rigs."""
    expire_rigs()
    return render(request, "recorder/_rig_tiles.html", {"rigs": Rig.objects.listed().defer("features")})


@require_GET
def newest(request: Request) -> HttpResponse:
    """The fragment with the newest takes."""
    return render(request, "recorder/_newest.html", _newest(datasets_with_figures()))


def _newest(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the newest takes and how many there are; `lines` are the datasets with figures."""
    takes = Episode.objects.takes().filter(dataset__trashed_at=None)
    rows = takes.select_related("dataset", "rig").newest_first()
    return {"newest": with_others(rows[:TAKES_SHOWN]), "takes": sum(line["takes"] for line in lines)}
