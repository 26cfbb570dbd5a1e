"""The dialog of the player that plays an episode back to a robot."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.live.replaying import choices_for, playable_problem
from recorder.live.rigs import expire_rigs
from recorder.models import Episode
from recorder.views.request import Request
from robotdata.capture.playback import DEFAULT_FACTOR

SPEEDS = (0.1, 0.25, 0.5, 1.0)


@require_GET
def replay_dialog(request: Request, episode_id: uuid.UUID) -> HttpResponse:
    """Render what the dialog shows: the rigs that can play the episode, and why the others cannot."""
    episode = get_object_or_404(Episode.objects.select_related("dataset", "rig"), pk=episode_id)
    expire_rigs()
    problem = playable_problem(episode)
    choices = [] if problem else choices_for(episode)
    first, end = episode.kept_ticks
    context = {
        "episode": episode,
        "problem": problem,
        "choices": choices,
        "chosen": next((each.rig.name for each in choices if each.misfit is None), ""),
        "speeds": [(factor, f"{factor:.0%}", factor == DEFAULT_FACTOR) for factor in SPEEDS],
        "first": first,
        "last": max(first, end - 1),
        "most": max(0, episode.ticks - 1),
    }
    return render(request, "viewer/_replay.html", context)
