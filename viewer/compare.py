"""Two takes or episodes side by side."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.models import Episode
from recorder.views.request import Request


@require_GET
def compare(request: Request) -> HttpResponse:
    """`?a=<id>&b=<id>`; the same twice is no comparison."""
    a, b = (_asked(request.GET.get(name, "")) for name in ("a", "b"))
    if a is None or b is None or a == b:
        return render(request, "404.html", {"compare": True}, status=404)
    return render(request, "viewer/compare.html", {"sides": [_episode(a), _episode(b)]})


@require_GET
def compare_head(request: Request, episode_id: uuid.UUID) -> HttpResponse:
    """What stands over one side, when it moved."""
    return render(request, "viewer/_compare_head.html", {"episode": _episode(episode_id)})


def _asked(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _episode(pk: uuid.UUID) -> Episode:
    return get_object_or_404(Episode.objects.select_related("dataset", "rig"), pk=pk)
