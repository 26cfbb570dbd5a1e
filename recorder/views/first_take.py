"""The strip that guides through a first take. Whether it is shown is kept in the session of the browser."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from recorder.browse.first_take import first_take
from recorder.live.rigs import expire_rigs, first_rig
from recorder.models import Rig
from recorder.views.request import Request

SINCE, SEEN = "first_take_since", "first_take_seen"


@require_GET
def strip(request: Request) -> HttpResponse:
    """The strip as it is now; empty once it was left. The last time that it is shown, all steps are done."""
    return render(request, "recorder/_first_take.html", strip_of(request))


@require_POST
def start(request: Request) -> HttpResponse:
    """Begin the guide, and go where a take is recorded."""
    request.session[SINCE] = timezone.now().isoformat()
    expire_rigs()
    rig = first_rig(Rig.objects.listed().defer("features"))
    return redirect("recorder:record", rig.name) if rig else redirect("recorder:record-any")


@require_POST
def leave(request: Request) -> HttpResponse:
    """End the guide permanently."""
    request.session.pop(SINCE, None)
    request.session[SEEN] = True
    return HttpResponse("")


def strip_of(request: Request) -> dict[str, Any]:
    """Return the context of the strip: `guide`, None where none is shown."""
    text = request.session.get(SINCE)
    if not isinstance(text, str):
        return {"guide": None}
    guide = first_take(datetime.fromisoformat(text))
    if guide.step == 5:
        request.session.pop(SINCE)
        request.session[SEEN] = True
    return {"guide": guide}
