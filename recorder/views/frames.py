"""The first, middle and last frame of every take and episode on one page, to spot a wrong scene."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.filters import Filter, rows_in
from recorder.models.states import EpisodeState
from recorder.views.dataset_page import page_of
from recorder.views.request import Request, episode_page
from recorder.views.wall import cameras_in, dataset_of

FRAMES_PER_PAGE = 48


@require_GET
def dataset_frames(request: Request, slug: str) -> HttpResponse:
    """The page, or for htmx the next frames. The URL has the wall's filter and the camera."""
    row = dataset_of(slug)
    filters = Filter.read(request.GET).without("camera")
    rows = rows_in(row, "all", filters).exclude(state=EpisodeState.RECORDING).exclude(ticks=0)
    cameras = cameras_in(row)
    camera = request.GET.get("camera", "")
    context = {
        "dataset": row,
        "filter": filters,
        "cameras": cameras,
        "camera": camera if camera in cameras else next(iter(cameras), ""),
        **episode_page(rows, request.GET.get("after"), sort=filters.sort, most=FRAMES_PER_PAGE),
        "walk": f"list=all&{filters.query}" if filters.query else "list=all",
    }
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "recorder/_frames.html", context)
    return render(request, "recorder/frames.html", {**page_of(row, "episodes"), **context, "total": rows.count()})
