"""One take or episode as a card."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.browse.filters import Filter
from recorder.models import Episode
from recorder.views.request import Request


@require_GET
def episode_card(request: Request, episode_id: uuid.UUID) -> HttpResponse:
    """The card; for the wall (`wall=`) it can be selected, and its links keep the wall's filter."""
    episode = get_object_or_404(Episode.objects.select_related("dataset", "rig"), pk=episode_id)
    if request.GET.get("wall") and episode.purged_at is not None:
        return HttpResponse()  # it is in no list of a wall any more: htmx replaces its card with nothing
    view, filters = request.GET.get("view") or request.GET.get("list", ""), Filter.read(request.GET)
    walk = f"list={view}&{filters.query}" if view and filters.query else ""
    context = {"episode": episode, "view": view, "walk": walk, "filter": filters}
    context["wall"] = bool(request.GET.get("wall"))
    return render(request, "recorder/_card.html", context)
