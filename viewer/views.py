"""The player's page: one for takes and committed episodes."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.browse.filters import Filter
from recorder.browse.lists import TITLES, neighbours
from recorder.models import Change, Episode
from recorder.models.states import EpisodeState
from recorder.quality.assess import suggest_trim
from recorder.views.request import Request

CHANGES_SHOWN = 30
MOST_LABELS = 12
OUTCOMES = ("success", "failure")
EDITABLE = {EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED, EpisodeState.ENCODED}


@require_GET
def episode(request: Request, episode_id: uuid.UUID) -> HttpResponse:
    """The whole page, or for htmx what stands beside the pictures."""
    rows = Episode.objects.select_related("dataset", "rig", "session")
    row = get_object_or_404(rows, pk=episode_id)
    asked = request.GET.get("list", "")
    name = asked if asked in TITLES else "all"
    sought = Filter.read(request.GET)
    context = {
        "episode": row,
        "list": name,
        "list_title": TITLES[name],
        "filter": sought,
        "walk": f"list={name}&{sought.query}" if sought.query else f"list={name}",
        "near": neighbours(name, row, sought),
        "changes": changes_of(row),
        "editable": can_edit(row),
        "tasks": tasks_beside(row),
        "labels": labels_beside(row),
        "suggested": suggested_trim(row),
    }
    return render(request, "viewer/_details.html" if request.htmx else "viewer/episode.html", context)


def can_edit(row: Episode) -> bool:
    return row.state in EDITABLE and row.purged_at is None


def suggested_trim(row: Episode) -> dict[str, Any] | None:
    """Where nothing moves at its ends, as far as it is measured and nobody has trimmed it: ticks, and a sentence."""
    if not can_edit(row) or row.is_committed or row.trim_first is not None or row.trim_end is not None:
        return None
    found = suggest_trim(row)
    if found is None:
        return None
    first, end = found
    fps = row.fps or 30
    idle = [("first", first / fps), ("last", (row.ticks - end) / fps)]
    places = " and ".join(f"the {name} {seconds:.1f} s" for name, seconds in idle if seconds > 0)
    return {"first": first, "end": end, "text": f"Nothing moves in {places}."}


def changes_of(row: Episode) -> QuerySet[Change]:
    return row.changes.filter(undone_at=None)[:CHANGES_SHOWN]


def tasks_beside(row: Episode) -> list[str]:
    """Texts in use in the same dataset: suggestions while typing."""
    tasks = Episode.objects.filter(dataset=row.dataset_id).order_by("task").values_list("task", flat=True)
    return list(tasks.distinct()[:50])


def labels_beside(row: Episode) -> list[str]:
    """How it went, then labels in use in the same dataset, most used first: one press adds one."""
    used = Episode.objects.filter(dataset=row.dataset_id).exclude(labels=[]).values_list("labels", flat=True)
    counted = Counter(label for labels in used for label in labels if isinstance(label, str))
    used_most = [label for label, _ in counted.most_common(MOST_LABELS) if label not in OUTCOMES]
    return [*OUTCOMES, *used_most]
