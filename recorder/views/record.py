"""The record page: a live rig, and the takes of its running session."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from recorder.browse.counts import goals_of
from recorder.browse.other_takes import with_others
from recorder.live.rig_start import start_command
from recorder.live.rigs import expire_rigs
from recorder.models import Dataset, Episode, Rig, Session, UserKeys
from recorder.models.states import EpisodeState
from recorder.views.request import Request
from robotdata.rig.states import states_for_scripts

TAKES_SHOWN = 12
GOALS_SHOWN = 5


@require_GET
def record_any(request: Request) -> HttpResponse:
    """Redirect to the rig if only one is online or known; otherwise the page to start or choose one."""
    expire_rigs()
    rigs = list(Rig.objects.listed().defer("features"))
    online = [rig for rig in rigs if rig.is_online]
    if len(online) == 1 or len(rigs) == 1:
        return redirect("recorder:record", (online or rigs)[0].name)
    return render(request, "recorder/record_any.html", {"rigs": rigs})


@require_GET
def record(request: Request, name: str) -> HttpResponse:
    """The page of one rig. Answers 404 for a rig that never connected."""
    expire_rigs()
    rig = get_object_or_404(Rig, name=name)
    session = rig.sessions.filter(dataset__trashed_at=None).select_related("dataset").first()
    context = {
        "rig": rig,
        "rig_states": states_for_scripts(),
        "start": start_command(rig, request.get_host(), secure=request.is_secure()),
        "session": session,
        "datasets": Dataset.objects.defer("features", "encoding"),
        "chosen": request.GET.get("dataset") or (session.dataset.slug if session else ""),
        "tasks": _recent_tasks(),
        "record_keys": UserKeys.record_of(request.user),
        **_session_takes(rig),
    }
    return render(request, "recorder/record.html", context)


@require_GET
def record_takes(request: Request, name: str) -> HttpResponse:
    """The fragment with the newest takes of the running or last session."""
    rig = get_object_or_404(Rig.objects.defer("features"), name=name)
    return render(request, "recorder/_session.html", {"rig": rig, **_session_takes(rig)})


def _session_takes(rig: Rig) -> dict[str, Any]:
    session: Session | None = rig.sessions.filter(dataset__trashed_at=None).select_related("dataset").first()
    if session is None:
        return {"session": None, "episodes": [], "total": 0}
    rows = Episode.objects.filter(session=session, purged_at=None).exclude(state=EpisodeState.RECORDING)
    shown = rows.select_related("dataset", "rig").newest_first()[:TAKES_SHOWN]
    return {
        "session": session,
        "episodes": with_others(shown),
        "goals": goals_of(session.dataset, session.task, session.target)[:GOALS_SHOWN],
        "total": rows.count(),
        "rejected": rows.trashed().count(),
        "to_review": rows.to_review().count(),
    }


def _recent_tasks() -> list[str]:
    """Return recently used tasks, the newest first, without duplicates."""
    newest = Episode.objects.newest_first().values_list("task", flat=True)[:400]
    return list(dict.fromkeys(task for task in newest if task))[:30]
