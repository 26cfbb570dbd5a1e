"""The player's page, for takes and committed episodes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.browse.counts import figures_of
from recorder.browse.filters import Filter
from recorder.browse.lists import TITLES, is_judged, neighbours
from recorder.catalog.episode_logs import RRD, can_write_logs
from recorder.models import Change, Episode
from recorder.models.states import EpisodeState
from recorder.quality.assess import suggest_trim
from recorder.views.request import Request
from robotdata.distribution import extra_command
from robotdata.spool.annotation import OUTCOMES

CHANGES_SHOWN = 30
MAX_LABELS = 12
SUGGESTING = 500
"""Episodes whose tasks and labels are suggested."""
EDITABLE = {EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED, EpisodeState.ENCODED}


@require_GET
def episode(request: Request, episode_id: uuid.UUID) -> HttpResponse:
    """Render the player's page. A request by htmx gets only the details panel."""
    rows = Episode.objects.select_related("dataset", "rig", "session")
    row = get_object_or_404(rows, pk=episode_id)
    requested = request.GET.get("list", "")
    name = requested if requested in TITLES else "all"
    list_filter = Filter.read(request.GET)
    beside = newest_beside(row)
    near = neighbours(name, row, list_filter)
    context = {
        "episode": row,
        "list": name,
        "list_title": TITLES[name],
        "filter": list_filter,
        "walk": f"list={name}&{list_filter.query}" if list_filter.query else f"list={name}",
        "near": near,
        "end": figures_of(row.dataset) if is_judged(name, row, near) else None,
        "changes": changes_of(row),
        "editable": can_edit(row),
        "tasks": tasks_in_use(beside),
        "labels": labels_in_use(beside),
        "suggested": suggested_trim(row),
        "can_log": can_write_logs(),
        "can_rerun": can_write_logs(RRD),
        "rerun_command": extra_command("rerun"),
    }
    return render(request, "viewer/_details.html" if request.htmx else "viewer/episode.html", context)


def can_edit(row: Episode) -> bool:
    """Return whether the episode's verdict, labels and trim can be changed in its state."""
    return row.state in EDITABLE and row.purged_at is None


def suggested_trim(row: Episode) -> dict[str, Any] | None:
    """Return the suggested trim: ticks [first, end) and a sentence.

    Return None if the episode cannot be edited, is committed or trimmed already, or has no idle ends.
    """
    if not can_edit(row) or row.is_committed or row.trim_first is not None or row.trim_end is not None:
        return None
    trim = suggest_trim(row)
    if trim is None:
        return None
    first, end = trim
    fps = row.fps or 30
    idle = [("first", first / fps), ("last", (row.ticks - end) / fps)]
    places = " and ".join(f"the {name} {seconds:.1f} s" for name, seconds in idle if seconds > 0)
    return {"first": first, "end": end, "text": f"Nothing moves in {places}."}


def changes_of(row: Episode) -> QuerySet[Change]:
    """Return the episode's newest changes that are not undone."""
    return row.changes.filter(undone_at=None)[:CHANGES_SHOWN]


def newest_beside(row: Episode) -> list[tuple[str, list[Any]]]:
    """Return task and labels of the dataset's newest episodes: what is suggested comes from a bounded number."""
    beside = Episode.objects.filter(dataset=row.dataset_id).newest_first()
    return list(beside.values_list("task", "labels")[:SUGGESTING])


def tasks_in_use(beside: Iterable[tuple[str, list[Any]]]) -> list[str]:
    """Return up to 50 task texts, as suggestions while typing."""
    return sorted({task for task, _ in beside})[:50]


def labels_in_use(beside: Iterable[tuple[str, list[Any]]]) -> list[str]:
    """Return the outcome labels, then the most used labels; a button adds each of them.

    Of labels used equally often, the one used last comes first.
    """
    counts: Counter[str] = Counter()
    for _, labels in beside:
        counts.update(dict.fromkeys((label for label in labels if isinstance(label, str)), 1))
    used_most = [label for label, _ in counts.most_common(MAX_LABELS) if label not in OUTCOMES]
    return [*OUTCOMES, *used_most]
