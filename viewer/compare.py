"""The page that shows two takes or episodes side by side."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.models import Episode
from recorder.text import parse_uuid
from recorder.views.request import Request


@require_GET
def compare(request: Request) -> HttpResponse:
    """Render the comparison of `?a=<id>&b=<id>`; 404 if an id is invalid or both are the same."""
    a, b = (parse_uuid(request.GET.get(name, "")) for name in ("a", "b"))
    if a is None or b is None or a == b:
        return render(request, "404.html", {"compare": True}, status=404)
    return render(request, "viewer/compare.html", {"sides": [_episode(a), _episode(b)]})


@require_GET
def compare_head(request: Request, episode_id: uuid.UUID) -> HttpResponse:
    """Render the heading of one side; the page fetches it again when the episode changes."""
    return render(request, "viewer/_compare_head.html", {"episode": _episode(episode_id)})


def _episode(pk: uuid.UUID) -> Episode:
    return get_object_or_404(Episode.objects.select_related("dataset", "rig"), pk=pk)
