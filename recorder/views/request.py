"""What every page asks with: one honest request type, and pages of a list by cursor."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from recorder.models import Episode
from recorder.models.episode import EpisodeQuerySet

PAGE = 36


class Request(HttpRequest):
    """A request past sign-in and the htmx middleware."""

    user: User
    htmx: HtmxDetails


def cut(rows: EpisodeQuerySet, after: str | None, *, most: int = PAGE) -> dict[str, Any]:
    """A page of episodes, newest first, and the cursor of the next; an unknown cursor starts at the first page."""
    rows = rows.select_related("dataset", "rig").newest_first()
    if last := _cursor(after):
        older = Q(recorded_at__lt=last.recorded_at) | Q(recorded_at=last.recorded_at, id__lt=last.pk)
        rows = rows.filter(older)
    found = list(rows[: most + 1])
    return {"episodes": found[:most], "next": found[most - 1].pk if len(found) > most else None}


def _cursor(after: str | None) -> Episode | None:
    try:
        return Episode.objects.only("recorded_at").filter(pk=uuid.UUID(after)).first() if after else None
    except ValueError:
        return None
