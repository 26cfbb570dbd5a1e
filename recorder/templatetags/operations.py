"""Template filters of operations: how long they took, what a batch made of what, and workers that do not answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings

from recorder.jobs.said import short_error
from recorder.jobs.worker_watch import worker_watch
from recorder.models import Operation
from recorder.text import format_time

register = template.Library()
register.filter(short_error)


@register.filter
def took(operation: Operation) -> float | None:
    """Return the seconds from its start to its end; None while it is open."""
    ended = operation.finished_at
    return None if ended is None else max(0.0, (ended - operation.created_at).total_seconds())


@register.filter
def sizes(operation: Operation) -> dict[str, int] | None:
    """Return `raw` and `video`, the bytes of a batch before and after; None if they are unknown."""
    raw, video = operation.result.get("raw_bytes"), operation.result.get("video_bytes")
    return {"raw": raw, "video": video} if isinstance(raw, int) and isinstance(video, int) else None


@register.filter
def silent_since(operation: Operation) -> str:
    """Return since when its worker has not answered, as a time of the day; empty while it does."""
    since = worker_watch.silent_since(operation.pk) if operation.finished_at is None else None
    return format_time(since) if since else ""


@register.filter
def is_lost(operation: Operation) -> bool:
    """Return whether the lease of its worker has run out."""
    return operation.finished_at is None and worker_watch.is_lost(operation.pk)


@register.filter
def unclaimed_since(operation: Operation) -> str:
    """Return since when no worker has begun any of its work, as a time of the day; empty if one is seen to work."""
    since = worker_watch.unclaimed_since(operation.pk) if operation.finished_at is None else None
    return format_time(since) if since else ""


@register.simple_tag
def lease_s() -> int:
    """Return after how many seconds of silence another worker may take over."""
    return int(settings.JOB_LEASE_S)


@register.filter
def at_time(line: dict[str, Any]) -> datetime | None:
    """Return the time of a log's line; None for one that is not a line."""
    try:
        return datetime.fromisoformat(str(line.get("at")))
    except (AttributeError, ValueError):
        return None
