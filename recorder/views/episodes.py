"""One take or episode as a card."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.models import Episode
from recorder.views.ask import Request


@require_GET
def episode_card(request: Request, episode_id: uuid.UUID) -> HttpResponse:
    episode = get_object_or_404(Episode.objects.select_related("dataset", "rig"), pk=episode_id)
    return render(request, "recorder/_card.html", {"episode": episode, "view": request.GET.get("view", "")})
