"""The page Encoding: every operation with its progress, its failures and their reasons."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.jobs.progress import encoding_progress
from recorder.models import Job, Operation
from recorder.views.request import Request

ENDED_SHOWN = 40
EPISODES_SHOWN = 24
_FIRST = ("failed", "running", "queued", "done", "cancelled")
"""The order of a batch's episodes: what needs somebody, what is worked on, what comes next."""


def with_progress(operation: Operation) -> dict[str, Any]:
    """Return the operation and its progress, as the templates need them."""
    return {"operation": operation, "progress": encoding_progress(operation)}


def with_episodes(operation: Operation, *, all_shown: bool = False) -> dict[str, Any]:
    """Return the operation with its progress and the episodes to list: `shown`, and how many `more` there are."""
    context = with_progress(operation)
    episodes = sorted(context["progress"].episodes, key=lambda progress: _FIRST.index(progress.state))
    shown = episodes if all_shown else episodes[:EPISODES_SHOWN]
    return {**context, "shown": shown, "more": len(episodes) - len(shown)}


def _ended(operation: Operation) -> dict[str, Any]:
    """Return an operation that has ended; its episodes are listed at once where one waits for a person's decision."""
    context = with_episodes(operation)
    return {**context, "opened": bool(context["progress"].retryable)}


@require_GET
def operations(request: Request) -> HttpResponse:
    """The page with open operations and those that have ended, or for htmx its lists."""
    rows = Operation.objects.select_related("dataset")
    ended = rows.ended()
    context = {
        "open": [with_episodes(operation) for operation in rows.open()],
        "ended": [_ended(operation) for operation in ended[:ENDED_SHOWN]],
        "ended_count": ended.count(),
    }
    page = "recorder/_operation_lists.html" if request.htmx else "recorder/operations.html"
    return render(request, page, context)


@require_GET
def operation(request: Request, operation_id: str) -> HttpResponse:
    """The fragment of one operation; on a page nothing for a cancelled conversion, which leaves no row. Or 404."""
    row = Operation.objects.select_related("dataset").filter(pk=operation_id).first()
    if row is None and request.htmx:
        return HttpResponse("")
    if row is None:
        raise Http404
    opened = "opened" in request.GET
    shown = with_episodes(row) if opened else with_progress(row)
    return render(request, "recorder/_operation.html", {**shown, "opened": opened})


@require_GET
def operation_episodes(request: Request, operation_id: str) -> HttpResponse:
    """The fragment with all episodes of a batch."""
    row = get_object_or_404(Operation.objects.select_related("dataset"), pk=operation_id)
    return render(request, "recorder/_operation_episodes.html", with_episodes(row, all_shown=True))


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
