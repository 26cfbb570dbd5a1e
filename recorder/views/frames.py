"""The first, middle and last frame of every take and episode on one page, to spot a wrong scene."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.filters import Filter, rows_in
from recorder.models.states import EpisodeState
from recorder.views.request import Request, episode_page
from recorder.views.wall import cameras_in, dataset_of

PAGE = 48


@require_GET
def dataset_frames(request: Request, slug: str) -> HttpResponse:
    """The page, or for htmx the next frames. The URL has the wall's filter and the camera."""
    row = dataset_of(slug)
    asked = Filter.read(request.GET).without("camera")
    rows = rows_in(row, "all", asked).exclude(state=EpisodeState.RECORDING).exclude(ticks=0)
    cameras = cameras_in(row)
    wanted = request.GET.get("camera", "")
    context = {
        "dataset": row,
        "filter": asked,
        "cameras": cameras,
        "camera": wanted if wanted in cameras else next(iter(cameras), ""),
        **episode_page(rows, request.GET.get("after"), sort=asked.sort, most=PAGE),
        "walk": f"list=all&{asked.query}" if asked.query else "list=all",
    }
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "recorder/_frames.html", context)
    return render(request, "recorder/frames.html", {**context, "total": rows.count()})
