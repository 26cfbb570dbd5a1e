"""The page Encoding: every operation with its progress, its failures and their reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.jobs.progress import encoding_progress
from recorder.jobs.totals import totals_of
from recorder.models import Job, Operation
from recorder.views.request import Request

ENDED_SHOWN = 40
EPISODES_SHOWN = 24
_FIRST = ("failed", "running", "queued", "done", "cancelled")
"""Which of a batch's episodes are shown where not all are: what needs somebody, what is worked on, what comes next."""


def with_totals(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """Return each operation and its progress without episodes, as the templates need them."""
    rows = list(operations)
    totals = totals_of(rows)
    return [{"operation": row, "progress": totals[row.pk]} for row in rows]


def with_episodes(operation: Operation, *, all_shown: bool = False) -> dict[str, Any]:
    """Return the operation with its progress and the episodes to list: `shown`, and how many `more` there are.

    They are listed in the order of recording: a line keeps its place while its state changes.
    """
    progress = encoding_progress(operation)
    episodes = progress.episodes
    shown = episodes
    if not all_shown and len(episodes) > EPISODES_SHOWN:
        urgent = sorted(episodes, key=lambda one: _FIRST.index(one.state))[:EPISODES_SHOWN]
        chosen = {one.episode.pk for one in urgent}
        shown = [one for one in episodes if one.episode.pk in chosen]
    return {
        "operation": operation,
        "progress": progress,
        "shown": shown,
        "more": len(episodes) - len(shown),
        "all_shown": all_shown and len(episodes) > EPISODES_SHOWN,
    }


def _ended(operations: Iterable[Operation], all_shown: Collection[str]) -> list[dict[str, Any]]:
    """Return operations that have ended; the episodes of one are listed at once where a person must decide."""
    return [
        {**with_episodes(row["operation"], all_shown=str(row["operation"].pk) in all_shown), "opened": True}
        if row["progress"].retryable
        else row
        for row in with_totals(operations)
    ]


@require_GET
def operations(request: Request) -> HttpResponse:
    """The page with open operations and those that have ended, or for htmx its lists.

    `all` names the operations of which every episode is listed.
    """
    all_shown = request.GET.getlist("all")
    rows = Operation.objects.select_related("dataset")
    ended = rows.ended()
    context = {
        "open": [with_episodes(row, all_shown=str(row.pk) in all_shown) for row in rows.open()],
        "ended": _ended(ended[:ENDED_SHOWN], all_shown),
        "ended_count": ended.count(),
    }
    page = "recorder/_operation_lists.html" if request.htmx else "recorder/operations.html"
    return render(request, page, context)


@require_GET
def operation(request: Request, operation_id: str) -> HttpResponse:
    """The fragment of one operation; on a page nothing for a cancelled conversion, which leaves no row. Or 404.

    With `opened` it lists its first episodes, with `opened=all` every one.
    """
    row = Operation.objects.select_related("dataset").filter(pk=operation_id).first()
    if row is None and request.htmx:
        return HttpResponse("")
    if row is None:
        raise Http404
    opened = request.GET.get("opened")
    shown = with_totals([row])[0] if opened is None else with_episodes(row, all_shown=opened == "all")
    return render(request, "recorder/_operation.html", {**shown, "opened": opened is not None})


@require_GET
def operation_episodes(request: Request, operation_id: str) -> HttpResponse:
    """The fragment with all episodes of a batch."""
    row = get_object_or_404(Operation.objects.select_related("dataset"), pk=operation_id)
    context = {**with_episodes(row, all_shown=True), "all_shown": False}  # folded up as it was opened, not by a button
    return render(request, "recorder/_operation_episodes.html", context)


@require_GET
def job_log(request: Request, operation_id: UUID, episode_id: UUID) -> HttpResponse:
    """The fragment with what the workers did with one episode of a batch, by camera."""
    jobs = list(Job.objects.filter(operation=operation_id, episode=episode_id).select_related("episode", "operation"))
    if not jobs:
        raise Http404
    return render(request, "recorder/_job_log.html", {"jobs": jobs, "episode": jobs[0].episode})


@require_GET
def operation_count(request: Request) -> HttpResponse:
    """The fragment with the number of open operations."""
    return render(request, "recorder/_open_count.html")
